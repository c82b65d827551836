/**
 * Splits a text that comes in chunks into records, and copies them into normalised files. It closes its books: every byte
 * belongs to the header, a record, a line end or a blank line. Its count of records is its own: no engine had a say in it.
 */
import { judgeJsonLine, mendSurrogates } from "./check-json.ts";
import { type Limits, sizeText } from "./limits.ts";
import { parseCsvRecord } from "./parse-csv-record.ts";
import type { Recognised } from "./recognise-format.ts";
import type { Rejection } from "./rejection.ts";
import { createCsvScan, lineEndBytes, scanCsvRecord } from "./scan-csv.ts";
import { quoteField, type RecordWriter } from "./write-records.ts";

/** Where the bytes of a text went. */
export interface Books {
  headerBytes: number;
  recordBytes: number;
  lineEndBytes: number;
  blankBytes: number;
}

export interface Splitter {
  /** Takes the next chunk. */
  readonly push: (text: Buffer) => Promise<Rejection | undefined>;
  /** The text has ended. */
  readonly end: () => Promise<Rejection | undefined>;
  readonly books: () => Readonly<Books>;
}

/** Splits off the whole records that a text begins with. */
type SplitText = (
  text: Buffer,
  isLast: boolean,
) => {
  /** The first byte that is left. */
  readonly next: number;
  /** Whether a record that is too large begins there. */
  readonly isTooLarge: boolean;
};

interface SplitterDeps {
  readonly recognised: Exclude<Recognised, { kind: "json" }>;
  readonly writer: RecordWriter;
  readonly limits: Limits;
}

/** Longer records go to the irregular file, so that DuckDB's buffers for the regular one stay small. */
const regularRecordBytes = 1024 * 1024;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** What DuckDB is told stands between a line's number and the line: strict JSON holds no control character. */
export const ndjsonSeparator = "\u0001";

export function createSplitter(deps: SplitterDeps): Splitter {
  const { limits, writer } = deps;
  const books: Books = { headerBytes: 0, recordBytes: 0, lineEndBytes: 0, blankBytes: 0 };
  const split =
    deps.recognised.kind === "csv" ? createCsvSplit(deps.recognised, deps, books) : createLineSplit(deps, books);
  let rest: Buffer[] = [];
  let restBytes = 0;
  // A record that spans many chunks is scanned again only when twice as much of it is there: linear, not quadratic.
  let enoughBytes = 0;
  let passedBytes = 0;

  const splitMore = async (isLast: boolean): Promise<Rejection | undefined> => {
    const text = rest.length === 1 ? (rest[0] ?? Buffer.alloc(0)) : Buffer.concat(rest, restBytes);
    const { next, isTooLarge } = split(text, isLast);
    passedBytes += next;
    const left = text.subarray(next);
    rest = left.length === 0 ? [] : [left];
    restBytes = left.length;
    enoughBytes = 2 * restBytes;
    await writer.flush();
    if (isTooLarge || restBytes > limits.recordBytes) return recordTooLarge(passedBytes, limits);
    return writer.records() > limits.records ? tooManyRecords(limits) : undefined;
  };
  return {
    push: async (text) => {
      rest.push(text);
      restBytes += text.length;
      return restBytes < enoughBytes && restBytes <= limits.recordBytes ? undefined : splitMore(false);
    },
    end: async () => splitMore(true),
    books: () => books,
  };
}

function createCsvSplit(
  csv: Extract<Recognised, { kind: "csv" }>,
  { limits, writer }: SplitterDeps,
  books: Books,
): SplitText {
  const record = createCsvScan(csv.delimiter);
  const columns = csv.header.length;
  let headerIsDue = csv.hasHeader;

  const keep = (text: Buffer, start: number): void => {
    const { end } = record;
    if (record.columns !== columns) {
      writer.malformed(text.toString("utf8", start, end));
    } else if (record.regular && end - start <= regularRecordBytes) {
      writer.regular(text, start, end);
    } else {
      const fields = parseCsvRecord(text.toString("utf8", start, end), csv.delimiter);
      writer.irregular(fields.map(quoteField).join(csv.delimiter));
    }
  };

  return (text, isLast) => {
    let at = 0;
    while (at < text.length) {
      const blank = lineEndBytes(text, at);
      if (blank > 0) {
        books.blankBytes += blank;
        at += blank;
        continue;
      }
      if (!scanCsvRecord(text, at, isLast, record)) break;
      if (record.end - at > limits.recordBytes) return { next: at, isTooLarge: true };
      if (headerIsDue) {
        headerIsDue = false;
        books.headerBytes += record.end - at;
      } else {
        keep(text, at);
        books.recordBytes += record.end - at;
      }
      books.lineEndBytes += record.next - record.end;
      at = record.next;
    }
    return { next: at, isTooLarge: false };
  };
}

function createLineSplit({ limits, writer }: SplitterDeps, books: Books): SplitText {
  const keep = (text: Buffer, start: number, end: number): void => {
    const verdict = judgeJsonLine(text, start, end);
    if (verdict === "no-object") writer.malformed(text.toString("utf8", start, end));
    else if (verdict === "object-with-surrogates") writer.irregular(mendSurrogates(text.toString("utf8", start, end)));
    else if (end - start > regularRecordBytes) writer.irregular(text.subarray(start, end));
    else writer.regular(text, start, end);
  };
  return (text, isLast) => {
    const lines = createLineFinder(text, isLast);
    let at = 0;
    while (at < text.length) {
      const end = lines.endOf(at);
      if (end === -1) break;
      if (end - at > limits.recordBytes) return { next: at, isTooLarge: true };
      const ending = lineEndBytes(text, end);
      if (isBlank(text, at, end)) {
        books.blankBytes += end - at + ending;
      } else {
        keep(text, at, end);
        books.recordBytes += end - at;
        books.lineEndBytes += ending;
      }
      at = end + ending;
    }
    return { next: at, isTooLarge: false };
  };
}

/** Finds where lines end: at LF, CRLF or a lone CR. -1 where more bytes must tell. */
function createLineFinder(text: Buffer, isLast: boolean): { readonly endOf: (start: number) => number } {
  // Carriage returns are rare: one search past them all is cheaper than looking at every byte.
  let nextReturn = -1;
  return {
    endOf: (start) => {
      if (nextReturn < start) nextReturn = orElse(text.indexOf(carriageReturn, start), text.length);
      const end = Math.min(orElse(text.indexOf(lineFeed, start), text.length), nextReturn);
      return end === text.length && !isLast ? -1 : end;
    },
  };
}

function orElse(index: number, otherwise: number): number {
  return index === -1 ? otherwise : index;
}

/** Only blanks, tabs and no-break spaces (0xc2 0xa0 in UTF-8). */
function isBlank(text: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = text[at];
    if (byte === 0xc2 && text[at + 1] === 0xa0) at += 1;
    else if (byte !== 0x20 && byte !== 0x09) return false;
  }
  return true;
}

function recordTooLarge(at: number, limits: Limits): Rejection {
  return {
    reason: "record-too-large",
    detail: `The record that begins at byte ${at} of the text is longer than ${sizeText(limits.recordBytes)}. Most often a quote was opened and never closed: mend it, or split the record.`,
  };
}

function tooManyRecords(limits: Limits): Rejection {
  return {
    reason: "too-many-records",
    detail: `The file holds more than ${limits.records} records, the most that one source may. Split it.`,
  };
}

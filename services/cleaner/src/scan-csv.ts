/** Finds the records of CSV in bytes, by the rules of Python's csv.reader, without looking at what they mean. */

const quote = 0x22;
export const lineFeed = 0x0a;
export const carriageReturn = 0x0d;

/** What the scanner found; one object, used again for every record. */
export interface CsvRecord {
  /** The first byte of its line end, or the end of the bytes. */
  end: number;
  /** The first byte after its line end. */
  next: number;
  columns: number;
  /** Whether every strict reader takes it as it stands: quotes only around whole fields, no line end inside. */
  regular: boolean;
}

/** Returns whether the record that begins at `start` ends inside the bytes; `record` is filled only then. */
export type CsvScanner = (text: Buffer, start: number, isLast: boolean, record: CsvRecord) => boolean;

/** `isLast` says that no bytes follow: then the end of the bytes is a record's end, even inside quotes. */
export function createCsvScanner(delimiter: string): CsvScanner {
  const separator = delimiter.charCodeAt(0);
  const stops = new Uint8Array(256);
  for (const sign of [quote, lineFeed, carriageReturn, separator]) stops[sign] = 1;

  /** Skips an unquoted field. A quote in it is text to us, and a riddle to strict readers. */
  const skipPlain = (text: Buffer, start: number, record: CsvRecord): number => {
    const { length } = text;
    let at = start;
    for (;;) {
      while (at < length && stops[text[at] ?? 0] === 0) at += 1;
      if (at >= length || text[at] !== quote) return at;
      record.regular = false;
      at += 1;
    }
  };

  return (text, start, isLast, record) => {
    record.columns = 1;
    record.regular = true;
    let at = start;
    for (;;) {
      const isQuoted = text[at] === quote;
      const fieldEnd = isQuoted ? skipQuoted(text, at + 1, record) : at;
      at = skipPlain(text, fieldEnd, record);
      // Text between a closing quote and the separator: appended by us, refused by strict readers.
      if (isQuoted && at > fieldEnd) record.regular = false;
      if (at >= text.length || text[at] !== separator) break;
      record.columns += 1;
      at += 1;
    }
    return endRecord(text, at, isLast, record);
  };
}

/** Returns where the byte behind the closing quote lies; the end of the bytes where there is none. */
function skipQuoted(text: Buffer, start: number, record: CsvRecord): number {
  const { length } = text;
  for (let at = start; at < length; at += 1) {
    const byte = text[at];
    if (byte === quote) {
      if (text[at + 1] !== quote) return at + 1;
      at += 1;
    } else if (byte === lineFeed || byte === carriageReturn) {
      record.regular = false;
    }
  }
  record.regular = false;
  return length;
}

/** A carriage return that is the last byte may be half of a line end, a closing quote half of a doubled one. */
function endRecord(text: Buffer, at: number, isLast: boolean, record: CsvRecord): boolean {
  record.end = at;
  record.next = at + lineEndBytes(text, at);
  return isLast || record.next < text.length || (record.next === text.length && text[at] === lineFeed);
}

/** How long the line end at `at` is: LF, CRLF or a lone CR; 0 where there is none. */
export function lineEndBytes(text: Buffer, at: number): number {
  if (at >= text.length) return 0;
  if (text[at] === carriageReturn) return text[at + 1] === lineFeed ? 2 : 1;
  return text[at] === lineFeed ? 1 : 0;
}

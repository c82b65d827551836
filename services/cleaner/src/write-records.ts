/**
 * The normalised copy of a source: one record a line, its number in front, in files that DuckDB reads without any leniency.
 * As every line has its number, no row's number rests on the order in which DuckDB's threads read.
 */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";

/** One normalised file. Only that of the regular records is there also where it holds none. */
export interface RecordFile {
  readonly path: string;
  readonly records: number;
  /** Of its longest line, with its number and line end. */
  readonly longestLineBytes: number;
  readonly bytes: number;
  /** Every `linesPerMark` lines, from the first: the line's record and where it begins. Only of the regular file. */
  readonly marks: readonly Mark[];
}

export interface Mark {
  readonly record: number;
  readonly offset: number;
}

export interface RecordFiles {
  /** `<number><delimiter><record as delivered>`, no line end inside a record. */
  readonly regular: RecordFile;
  /** The same columns, for records that are long, have line ends inside or are quoted against the rules: every field quoted. */
  readonly irregular: RecordFile;
  /** `<number>,"<raw text>"`: records that could not be split. */
  readonly malformed: RecordFile;
}

/** Numbers records from 1 in the order of the calls, and gathers them in memory until `flush`. */
export interface RecordWriter {
  /** A record as it stands in `text` from `start` to `end`. */
  readonly regular: (text: Buffer, start: number, end: number) => void;
  /** A record's text that reads as the same columns as `regular`. */
  readonly irregular: (record: string | Buffer) => void;
  /** A record's raw text. */
  readonly malformed: (raw: string) => void;
  readonly records: () => number;
  /** Writes what was gathered, if that is `least` bytes or more. Call it often: memory grows between two calls. */
  readonly flush: (least?: number) => Promise<void>;
  /** Writes the rest and closes the files. */
  readonly close: () => Promise<RecordFiles>;
  /** Closes the files, whatever is in them. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

const linesPerMark = 16;
const lineFeed = 10;
const digitZero = 48;
const digitNine = 57;
const flushBytes = 256 * 1024;

/** Creates the files in `folder`, which is empty. `delimiter` is one ASCII character. */
export async function createRecordWriter(folder: string, delimiter: string): Promise<RecordWriter> {
  await using stack = new AsyncDisposableStack();
  const addBlock = (name: string): Block => stack.use(createBlock(join(folder, name)));
  const regular = addBlock("regular.csv");
  const irregular = addBlock("irregular.csv");
  const malformed = addBlock("malformed.csv");
  // The others are made when something comes for them: of most sources nothing does.
  await regular.open();
  const opened = stack.move();
  const count = createCounter();
  const separator = delimiter.charCodeAt(0);
  const blocks = [regular, irregular, malformed];
  const marks: Mark[] = [];
  const records = (): number => regular.records + irregular.records + malformed.records;
  const writeLine = (block: Block, text: Buffer, from: { start: number; end: number; separator: number }): void => {
    block.reserve(from.end - from.start + count.width + 2);
    const lineStart = block.at;
    if (block === regular && block.records % linesPerMark === 0) {
      marks.push({ record: records() + 1, offset: block.writtenBytes + lineStart });
    }
    block.at = count.next(block.bytes, block.at);
    block.bytes[block.at] = from.separator;
    block.at += 1 + text.copy(block.bytes, block.at + 1, from.start, from.end);
    block.bytes[block.at] = lineFeed;
    block.at += 1;
    block.records += 1;
    block.longestLineBytes = Math.max(block.longestLineBytes, block.at - lineStart);
  };
  return {
    regular: (text, start, end) => writeLine(regular, text, { start, end, separator }),
    irregular: (record) => {
      const text = Buffer.from(record);
      writeLine(irregular, text, { start: 0, end: text.length, separator });
    },
    malformed: (raw) => {
      const text = Buffer.from(quoteField(raw));
      writeLine(malformed, text, { start: 0, end: text.length, separator: 0x2c });
    },
    records,
    flush: async (least = flushBytes) => {
      for (const block of blocks) if (block.at >= least) await block.write();
    },
    close: async () => {
      for (const block of blocks) await block.write();
      await opened.disposeAsync();
      return { regular: fileOf(regular, marks), irregular: fileOf(irregular, []), malformed: fileOf(malformed, []) };
    },
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

/** A field between quotes, as every CSV reader takes it. */
export function quoteField(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function fileOf(block: Block, marks: readonly Mark[]): RecordFile {
  const { longestLineBytes, path, records, writtenBytes } = block;
  return { path, records, longestLineBytes, bytes: writtenBytes, marks };
}

/** Bytes on their way to a file. */
interface Block extends AsyncDisposable {
  readonly path: string;
  bytes: Buffer;
  /** How much of `bytes` is filled. */
  at: number;
  records: number;
  longestLineBytes: number;
  /** What is in the file. */
  writtenBytes: number;
  /** Makes room for so many more bytes. */
  readonly reserve: (more: number) => void;
  /** Makes the file. */
  readonly open: () => Promise<FileHandle>;
  /** Writes what there is, and makes the file for it. */
  readonly write: () => Promise<void>;
}

/** Grows with its source: most are small, and many are split at once. */
const firstBytes = 16 * 1024;

function createBlock(path: string): Block {
  let file: FileHandle | undefined;
  const block: Block = {
    path,
    bytes: Buffer.alloc(0),
    at: 0,
    records: 0,
    longestLineBytes: 0,
    writtenBytes: 0,
    reserve: (more) => {
      if (block.at + more <= block.bytes.length) return;
      const larger = Buffer.allocUnsafe(Math.max(firstBytes, 2 * block.bytes.length, block.at + more));
      block.bytes.copy(larger, 0, 0, block.at);
      block.bytes = larger;
    },
    open: async () => (file ??= await open(path, "wx")),
    write: async () => {
      if (block.at === 0) return;
      const filled = block.bytes.subarray(0, block.at);
      block.at = 0;
      block.writtenBytes += filled.length;
      const target = await block.open();
      for (let written = 0; written < filled.length;) {
        written += (await target.write(filled, written)).bytesWritten;
      }
    },
    [Symbol.asyncDispose]: async () => file?.close(),
  };
  return block;
}

/** Counts in decimal digits: turning a number into text for every record would cost more than the record's own copy. */
function createCounter(): { readonly width: number; readonly next: (target: Buffer, at: number) => number } {
  const width = 16;
  const digits = new Uint8Array(width).fill(digitZero);
  let first = width;
  return {
    width,
    next: (target, at) => {
      let place = width - 1;
      while (digits[place] === digitNine) {
        digits[place] = digitZero;
        place -= 1;
      }
      digits[place] = (digits[place] ?? digitZero) + 1;
      first = Math.min(first, place);
      for (let from = first, to = at; from < width; from += 1, to += 1) target[to] = digits[from] ?? digitZero;
      return at + width - first;
    },
  };
}

/** One source's body, received, recognised and split into normalised files in scratch, in one pass. */
import type { Readable } from "node:stream";

import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";

import type { Limits } from "./limits.ts";
import { receiveSource } from "./receive-source.ts";
import {
  type CsvFormat,
  type JsonFormat,
  type NdjsonFormat,
  type Recognised,
  recogniseFormat,
} from "./recognise-format.ts";
import { isRejection, type Rejection, type SourceRejected } from "./rejection.ts";
import { createDocumentReader, type DocumentReader } from "./split-document.ts";
import { createSplitter, ndjsonSeparator, type Splitter } from "./split-records.ts";
import { createRecordWriter, type RecordFiles, type RecordWriter } from "./write-records.ts";

/** A source's records, counted and lying in scratch. */
export type Split =
  | {
      readonly kind: "csv";
      readonly format: CsvFormat;
      readonly records: number;
      readonly delimiter: string;
      readonly header: readonly string[];
      readonly files: RecordFiles;
    }
  | { readonly kind: "ndjson"; readonly format: NdjsonFormat; readonly records: number; readonly files: RecordFiles }
  | { readonly kind: "json"; readonly format: JsonFormat; readonly records: number; readonly path: string };

export interface SplitJob {
  readonly body: Readable;
  readonly sizeBytes: number;
  /** An empty folder. */
  readonly scratch: string;
  readonly limits: Limits;
}

/** What the text goes into once its format is known. */
interface Reader extends AsyncDisposable {
  readonly push: (text: Buffer) => Promise<Rejection | undefined>;
  readonly end: (textBytes: number) => Promise<Split | Rejection>;
}

/** Throws a TransientError where the body is not as long as announced. */
export async function splitSource(dataset: DatasetDefinition, job: SplitJob): Promise<Split | SourceRejected> {
  const { limits } = job;
  // The head is gathered until the format can be told from it; then everything flows on into the format's reader.
  let head: Buffer = Buffer.alloc(0);
  let first = "";
  await using stack = new AsyncDisposableStack();
  let reader: Reader | undefined;
  const recognise = async (whole: boolean): Promise<Rejection | undefined> => {
    const recognised = recogniseFormat(dataset, { text: head.subarray(0, limits.headBytes), whole }, limits);
    if (isRejection(recognised)) return recognised;
    reader = stack.use(await openReader(recognised, job));
    return reader.push(head);
  };

  const showFirstBytes = (bytes: Buffer): void => {
    first = shown(bytes.subarray(0, firstBytes));
  };
  const received = await receiveSource({ ...job, showFirstBytes }, async (text) => {
    if (reader) return reader.push(text);
    head = Buffer.concat([head, text]);
    return head.length > limits.headBytes ? recognise(false) : undefined;
  });
  if (isRejection(received)) return rejected(received, first);
  const unrecognised = reader ? undefined : await recognise(true);
  const ended = unrecognised ?? (await reader?.end(received.textBytes));
  if (ended === undefined) throw new Error("a source was received, but nothing was made of it");
  return isRejection(ended) ? rejected(ended, first) : ended;
}

/** How much of a rejected source's beginning is shown. */
const firstBytes = 256;

function rejected({ detail, reason }: Rejection, first: string): SourceRejected {
  return { kind: "rejected", reason, detail, firstBytes: first };
}

/** As text, or as hexadecimal bytes where control characters say that it is none. A cut may go through the last character. */
function shown(bytes: Buffer): string {
  const isText = bytes.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
  return isText ? bytes.toString("utf8").replace(/\ufffd$/, "") : bytes.toString("hex");
}

async function openReader(recognised: Recognised, job: SplitJob): Promise<Reader> {
  if (recognised.kind === "json")
    return documentReader(createDocumentReader(recognised.candidates, job.scratch, job.limits));
  const writer = await createRecordWriter(
    job.scratch,
    recognised.kind === "csv" ? recognised.delimiter : ndjsonSeparator,
  );
  const splitter = createSplitter({ recognised, writer, limits: job.limits });
  return {
    push: splitter.push,
    end: async (textBytes) => {
      const rejection = await splitter.end();
      if (rejection) return rejection;
      return closeSplit(recognised, { splitter, writer, textBytes });
    },
    [Symbol.asyncDispose]: async () => writer[Symbol.asyncDispose](),
  };
}

function documentReader(document: DocumentReader): Reader {
  return {
    push: async (text) => document.push(text),
    end: async () => {
      const ended = await document.end();
      return isRejection(ended) ? ended : { kind: "json", ...ended };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

interface Ending {
  readonly splitter: Splitter;
  readonly writer: RecordWriter;
  readonly textBytes: number;
}

/** Every byte of the text must be in the books. */
async function closeSplit(
  recognised: Exclude<Recognised, { kind: "json" }>,
  { splitter, writer, textBytes }: Ending,
): Promise<Split> {
  const files = await writer.close();
  const books = splitter.books();
  const accounted = books.headerBytes + books.recordBytes + books.lineEndBytes + books.blankBytes;
  if (accounted !== textBytes) {
    throw new Error(
      `the books do not close: ${textBytes} bytes of text, but ${accounted} of them split: ${JSON.stringify(books)}`,
    );
  }
  const records = writer.records();
  if (recognised.kind === "ndjson") return { kind: "ndjson", format: recognised.format, records, files };
  const { delimiter, format, header } = recognised;
  return { kind: "csv", format, records, delimiter, header, files };
}

/** A JSON document is taken whole: it cannot be split before it is parsed. Its records are counted here, and read by DuckDB. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { mendSurrogates } from "./check-json.ts";
import { type Limits, sizeText } from "./limits.ts";
import { type JsonFormat, valueAt } from "./recognise-format.ts";
import type { Rejection } from "./rejection.ts";

export interface JsonDocument {
  readonly format: JsonFormat;
  /** The document as one file, strict JSON. */
  readonly path: string;
  /** How many elements its array of records has. */
  readonly records: number;
}

/** Gathers a document. `end` says which of the candidates it is. */
export interface DocumentReader {
  readonly push: (text: Buffer) => Rejection | undefined;
  readonly end: () => Promise<JsonDocument | Rejection>;
}

export function createDocumentReader(
  candidates: readonly JsonFormat[],
  folder: string,
  limits: Limits,
): DocumentReader {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return {
    push: (text) => {
      bytes += text.length;
      if (bytes > limits.documentBytes) return tooLarge(limits);
      chunks.push(Buffer.from(text));
      return undefined;
    },
    end: async () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const document = parse(text);
      if ("reason" in document) return document;
      const found = candidates
        .filter((format) => format.paths.every((path) => valueAt(document.value, path) !== undefined))
        .map((format) => ({ format, records: valueAt(document.value, format.records) }))
        .find(({ records }) => Array.isArray(records));
      if (found === undefined || !Array.isArray(found.records)) return unrecognised(candidates);
      const path = join(folder, "document.json");
      await writeFile(path, text.includes("\\u") ? mendSurrogates(text) : text);
      return { format: found.format, path, records: found.records.length };
    },
  };
}

function parse(text: string): { readonly value: unknown } | Rejection {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return {
      reason: "unrecognised-format",
      detail: `The file begins like a JSON document, but is not a whole one: ${problem}. Put it again, whole.`,
    };
  }
}

function unrecognised(candidates: readonly JsonFormat[]): Rejection {
  const known = candidates.map(
    (format) => `${format.name} (${[...format.paths, `an array at ${format.records || "the top"}`].join(", ")})`,
  );
  return {
    reason: "unrecognised-format",
    detail: `The file is a JSON document, but none of these: ${known.join("; ")}.`,
  };
}

function tooLarge(limits: Limits): Rejection {
  return {
    reason: "record-too-large",
    detail: `The file is one JSON document of more than ${sizeText(limits.documentBytes)}, the most that can be read whole. Put it as one JSON object a line.`,
  };
}

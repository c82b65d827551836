/** The relation `delivered` that a format's SQL reads: source_record, and what was delivered as text. */
import { quoteName, quoteText } from "@airlake/shared/duckdb";

import { fieldColumn, numberColumn } from "./read-records.ts";

/** A header, and the columns that the format's SQL may ask for. */
export interface DeliveredColumns {
  readonly header: readonly string[];
  readonly known: readonly string[];
}

/** The known columns by their names; NULL for those that the header lacks. Of two columns of one name the first counts. */
export function deliveredCsv(records: string, { header, known }: DeliveredColumns): string {
  const columns = known.map((name) => {
    const at = header.indexOf(name);
    return `${at === -1 ? "NULL::VARCHAR" : quoteName(fieldColumn(at))} AS ${quoteName(name)}`;
  });
  return `SELECT ${[`${quoteName(numberColumn)} AS source_record`, ...columns].join(", ")} FROM (${records})`;
}

export function deliveredLines(records: string): string {
  return `SELECT ${quoteName(numberColumn)} AS source_record, ${quoteName(fieldColumn(0))} AS line FROM (${records})`;
}

/** The elements of the document's array that are objects. */
export function deliveredElements(elements: string): string {
  return `SELECT n AS source_record, c0 AS doc FROM (${elements}) WHERE json_type(c0) = 'OBJECT'`;
}

/** The elements that are no objects: n and c0, their text. */
export function malformedElements(elements: string): string {
  return `SELECT n, c0::VARCHAR AS c0 FROM (${elements}) WHERE json_type(c0) <> 'OBJECT'`;
}

/** The elements of the array at a dotted path: n, from 1, and c0, the element as JSON. */
export function readElements(documentPath: string, path: string): string {
  const pointer = path === "" ? "" : `/${path.split(".").map(escapePointer).join("/")}`;
  return `
    SELECT unnest(docs) AS c0, generate_subscripts(docs, 1) AS n
    FROM (
      SELECT from_json(json_extract(content::JSON, ${quoteText(pointer)}), '["JSON"]') AS docs
      FROM read_text(${quoteText(documentPath)})
    )`;
}

function escapePointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** A JSON object of a record's fields as delivered; an empty field is an empty text. */
export function originalFields(header: readonly string[]): string {
  const fields = header.map((name, at) => {
    // A second column of the same name must not be lost: `unit (12)` is the twelfth column.
    const key = header.indexOf(name) === at ? name : `${name} (${at + 1})`;
    return `${quoteText(key)}, coalesce(${quoteName(fieldColumn(at))}, '')`;
  });
  return `json_object(${fields.join(", ")})::VARCHAR`;
}

/** A record that is one text: the text. */
export const originalText = `${quoteName(fieldColumn(0))}::VARCHAR`;

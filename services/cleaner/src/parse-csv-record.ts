/** One record of CSV as Python's csv.reader reads it: quotes open only at a field's start, and nothing is an error. */

/**
 * The fields of one record, without its line end.
 * Inside quotes `""` is a quote; what follows a closing quote is appended; a quote inside an unquoted field is itself.
 */
export function parseCsvRecord(record: string, delimiter: string): readonly string[] {
  const fields: string[] = [];
  for (let at = 0; at <= record.length; at += 1) {
    let field = "";
    if (record[at] === '"') {
      const quoted = quotedText(record, at + 1);
      field = quoted.text;
      at = quoted.next;
    }
    const next = record.indexOf(delimiter, at);
    const end = next === -1 ? record.length : next;
    fields.push(field + record.slice(at, end));
    at = end;
  }
  return fields;
}

function quotedText(record: string, from: number): { readonly text: string; readonly next: number } {
  let text = "";
  for (let at = from; ;) {
    const quote = record.indexOf('"', at);
    if (quote === -1) return { text: text + record.slice(at), next: record.length };
    text += record.slice(at, quote);
    if (record[quote + 1] !== '"') return { text, next: quote + 1 };
    text += '"';
    at = quote + 2;
  }
}

/** Where the first record ends (at its line end, or at the text's end) and whether that end was there. */
export function firstCsvRecordEnd(text: string, delimiter: string): { readonly end: number; readonly closed: boolean } {
  let atFieldStart = true;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '"' && atFieldStart) {
      at = quotedText(text, at + 1).next - 1;
    } else if (sign === "\n" || sign === "\r") {
      return { end: at, closed: true };
    }
    atFieldStart = sign === delimiter;
  }
  return { end: text.length, closed: false };
}

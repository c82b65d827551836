/** A query's result as one JSON array of row objects, written as the rows come. */
import type { QueryResult } from "./run-statement.ts";
import { jsonOf } from "./result-value.ts";

type Write = (text: string) => Promise<void>;

/** A row per line. Of columns with the same name the later ones get a number: `a`, `a_1`. */
export async function writeJson(result: QueryResult, write: Write): Promise<void> {
  const names = distinct(result.columns.map(({ name }) => name)).map((name) => JSON.stringify(name));
  let before = "[\n";
  for await (const rows of result.chunks) {
    // Put together by hand: an object would sort columns whose names are numbers to the front.
    const lines = rows.map(
      (row) => `{${row.map((value, at) => `${names[at]}:${JSON.stringify(jsonOf(value))}`).join(",")}}`,
    );
    await write(before + lines.join(",\n"));
    before = ",\n";
  }
  await write(before === "[\n" ? "[]\n" : "\n]\n");
}

function distinct(names: readonly string[]): readonly string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let number = 1; seen.has(own) || (own !== name && taken.has(own)); number += 1) own = `${name}_${number}`;
    seen.add(own);
    return own;
  });
}

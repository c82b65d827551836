/** A folder of datasets with the smallest one there can be: `rain`. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export async function writeDatasets(root: string): Promise<string> {
  const folder = join(root, "rain");
  await mkdir(folder, { recursive: true });
  const definition = {
    contract: "dataset/1",
    name: "rain",
    title: "Rain",
    formats: [{ kind: "csv", name: "rain-csv", delimiters: [","], columns: ["place", "mm"], sql: "format.sql" }],
    rulePacks: { "1": "rules.sql" },
    reasons: ["malformed-record"],
    flags: [],
    columns: [{ name: "mm", type: "double", comment: "Millimetres" }],
    table: { name: "rain", comment: "Rain", sql: "join.sql", columns: [], partitions: [], sort: ["source_record"] },
  };
  await writeFile(join(folder, "dataset.json"), JSON.stringify(definition));
  for (const file of ["format.sql", "rules.sql", "join.sql"]) await writeFile(join(folder, file), "SELECT 1\n");
  return root;
}

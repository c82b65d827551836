/** Rows of Parquet parts, in one order, so that two lakes can be compared. */
import { DuckDBInstance } from "@duckdb/node-api";

export type Row = Readonly<Record<string, unknown>>;

/** All rows of some parts; none where there is no part. The columns of the path, as `country=BE`, are text. */
export async function rowsOf(paths: readonly string[]): Promise<readonly Row[]> {
  if (paths.length === 0) return [];
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const list = paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(", ");
    const relation = `read_parquet([${list}], hive_partitioning = true, hive_types_autocast = false)`;
    return (await connection.runAndReadAll(`SELECT * FROM ${relation} ORDER BY ALL`)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

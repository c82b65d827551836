/** Rows of Parquet parts, in one order, so that two lakes can be compared. */
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";

export type Row = Readonly<Record<string, unknown>>;

/** The parts of a lake, and the key of each source by its id: ids differ from lake to lake. */
export interface Rows {
  readonly parts: readonly string[];
  readonly keys: ReadonlyMap<string, string>;
}

/** All rows of some parts; none where there is no part. The columns of the path, as `country=BE`, are text. */
export async function rowsOf(paths: readonly string[]): Promise<readonly Row[]> {
  if (paths.length === 0) return [];
  return connected(async (connection) => {
    const reader = await connection.runAndReadAll(`SELECT * FROM ${partsOf(paths)} ORDER BY ALL`);
    return reader.getRowObjectsJson();
  });
}

/** Rows that one lake has and the other has not, or has less often; a few of them. Sources are told apart by their keys. */
export async function differences(left: Rows, right: Rows): Promise<readonly Row[]> {
  if (left.parts.length === 0 || right.parts.length === 0) return rowsOf([...left.parts, ...right.parts]);
  return connected(async (connection) => {
    for (const [name, { parts, keys }] of Object.entries({ a: left, b: right })) {
      await connection.run(
        `CREATE TABLE keys_${name} AS SELECT unnest(map_keys(m)) AS source_id, unnest(map_values(m)) AS key
         FROM (SELECT from_json($1::VARCHAR, '"MAP(VARCHAR, VARCHAR)"') AS m)`,
        [JSON.stringify(Object.fromEntries(keys))],
      );
      await connection.run(
        `CREATE VIEW ${name} AS SELECT * EXCLUDE source_id FROM ${partsOf(parts)} LEFT JOIN keys_${name} USING (source_id)`,
      );
    }
    const reader = await connection.runAndReadAll(
      `(SELECT 'first' AS only_in, * FROM (FROM a EXCEPT ALL FROM b) LIMIT 5)
       UNION ALL (SELECT 'second', * FROM (FROM b EXCEPT ALL FROM a) LIMIT 5)`,
    );
    return reader.getRowObjectsJson();
  });
}

/** How many rows each source has, by its id. */
export async function rowsPerSource(paths: readonly string[]): Promise<ReadonlyMap<string, number>> {
  return connected(async (connection) => {
    const reader = await connection.runAndReadAll(`SELECT source_id, count(*) FROM ${partsOf(paths)} GROUP BY 1`);
    return new Map(reader.getRowsJson().map(([id, count]) => [typeof id === "string" ? id : "", Number(count)]));
  });
}

function partsOf(paths: readonly string[]): string {
  const list = paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(", ");
  return `read_parquet([${list}], hive_partitioning = true, hive_types_autocast = false)`;
}

async function connected<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

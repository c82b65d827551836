/** A process that opens the catalog as a person's own program would, commits a row, says so, and keeps the file: node hold-catalog.ts FILE */
import { DuckDBInstance } from "@duckdb/node-api";

const connection = await (await DuckDBInstance.create(process.argv[2])).connect();
await connection.run("INSERT INTO partitions VALUES ('weather', 'readings', 'country=ZZ/year=1', 'gold', 'p/', 'c')");
process.stdout.write("held\n");
setInterval(() => {}, 1000);

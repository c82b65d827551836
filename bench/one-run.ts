/** A process of its own: warms a pipeline up with a small source, runs one file, and prints what that took. */
import { join } from "node:path";

import { widenThreadPool } from "../cli/src/config.ts";

widenThreadPool();
const { quietNode } = await import("../cli/src/tell.ts");
const { dayName, writeDay } = await import("./generate.ts");
const { openPipeline, sourceOf } = await import("./pipeline.ts");

quietNode(process, false);
const [folder = "", file = ""] = process.argv.slice(2);
await writeDay(join(folder, "first.csv"), { records: 20_000 });
await using pipeline = await openPipeline(folder);
await pipeline.run([await sourceOf("openaq/first.csv", join(folder, "first.csv"))]);
process.stdout.write(JSON.stringify(await pipeline.run([await sourceOf(`openaq/${dayName}.csv.gz`, file)])));

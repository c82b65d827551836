/** `npm run bench`: what must be set before anything is loaded. */
import { widenThreadPool } from "../cli/src/config.ts";

widenThreadPool();
const { bench } = await import("./bench.ts");
process.exitCode = await bench(process.argv.slice(2));

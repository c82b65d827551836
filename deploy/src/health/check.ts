/** A container's health check: ends 0 while the worker beside it is ready, else 1 with its reasons. */
import { loadPort } from "./config.ts";

const patienceMs = 3000;

try {
  const signal = AbortSignal.timeout(patienceMs);
  const answer = await fetch(`http://127.0.0.1:${loadPort()}/health/ready`, { signal });
  process.stdout.write(await answer.text());
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

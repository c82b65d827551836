// A container's health check: ends 0 while the worker beside it is ready, else 1 with its reasons.
// Plain JavaScript on node:http: it runs every few seconds, and so costs half of what TypeScript on fetch does.
import { get } from "node:http";

// oxlint-disable-next-line node/no-process-env -- a config.ts would cost more than the check itself
const { PORT: port = "8080" } = process.env;

const request = get({ host: "127.0.0.1", port, path: "/health/ready", timeout: 3000 }, (answer) => {
  process.exitCode = answer.statusCode === 200 ? 0 : 1;
  answer.pipe(process.stdout);
});
request.on("timeout", () => request.destroy(new Error("no answer within 3 s")));
request.on("error", (error) => {
  process.stdout.write(error.message);
  process.exitCode = 1;
});

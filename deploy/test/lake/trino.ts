/** Asks Trino by its HTTP API: a statement is posted, and its answer is read page by page. */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";

const page = z.object({
  nextUri: z.string().optional(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })).optional(),
  data: z.array(z.array(z.unknown())).optional(),
  error: z.object({ message: z.string(), errorName: z.string() }).optional(),
});

type Cell = unknown;

/** The longest that one question may take. */
const longestMs = 120_000;

/** Rows in the order of the answer; time stamps as ISO 8601 without a zone. Throws what Trino complains of. */
export async function askTrino(endpoint: string, sql: string): Promise<readonly (readonly Cell[])[]> {
  const signal = AbortSignal.timeout(longestMs);
  const headers = {
    "X-Trino-User": "reader",
    "X-Trino-Catalog": "lake",
    "X-Trino-Schema": "openaq",
    // Without this word it cuts time stamps to milliseconds.
    "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
  };
  const rows: (readonly Cell[])[] = [];
  let at = await readPage(await fetch(`${endpoint}/v1/statement`, { method: "POST", headers, body: sql, signal }));
  for (;;) {
    if (at.error !== undefined) throw new Error(`${at.error.errorName}: ${at.error.message}\n${sql}`);
    const types = (at.columns ?? []).map(({ type }) => type);
    rows.push(...(at.data ?? []).map((row) => row.map((cell, column) => cellOf(cell, types[column] ?? ""))));
    if (at.nextUri === undefined) return rows;
    at = await readPage(await fetch(at.nextUri, { headers, signal }));
  }

  async function readPage(answer: Response): Promise<z.infer<typeof page>> {
    if (answer.ok) return page.parse(await answer.json());
    // Its way of saying: ask again.
    if (answer.status !== 502 && answer.status !== 503) throw new Error(`Trino answered ${answer.status} to ${sql}`);
    await pause(200, undefined, { signal });
    return readPage(await fetch(answer.url, { headers, signal }));
  }
}

/** `2018-02-05 23:00:00.000000` → `2018-02-05T23:00:00`. */
function cellOf(cell: Cell, type: string): Cell {
  if (!type.startsWith("timestamp") || typeof cell !== "string") return cell;
  return cell
    .replace(" ", "T")
    .replace(/(\.\d*?)0+$/u, "$1")
    .replace(/\.$/u, "");
}

/** A client of Trino's HTTP protocol: one statement, its columns, and its rows page by page. */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";

import { CommandError } from "../../command-error.ts";
import { printable } from "../../text.ts";

export interface TrinoPlace {
  /** `http://127.0.0.1:8150`. */
  readonly url: string;
  readonly catalog: string;
  readonly schema: string;
  readonly user: string;
}

/** The type of a column; `rawType` is its name, `arguments` what stands in brackets. */
export interface TrinoType {
  readonly rawType: string;
  readonly arguments: readonly { readonly kind: string; readonly value: unknown }[];
}

export interface TrinoColumn {
  readonly name: string;
  readonly type: TrinoType;
}

export interface TrinoResult {
  readonly columns: readonly TrinoColumn[];
  /** Values as JSON has them; whole numbers beyond 2^53 as bigint. Ending early ends the statement. */
  readonly pages: AsyncIterable<readonly (readonly unknown[])[]>;
}

const answerSchema = z.object({
  nextUri: z.string().optional(),
  columns: z
    .array(
      z.object({
        name: z.string(),
        typeSignature: z.object({
          rawType: z.string(),
          arguments: z.array(z.object({ kind: z.string(), value: z.unknown() })).default([]),
        }),
      }),
    )
    .optional(),
  data: z.array(z.array(z.unknown())).optional(),
  error: z.object({ message: z.string(), errorName: z.string().default("") }).optional(),
});
type Answer = z.infer<typeof answerSchema>;

/** Trino says so while it starts, or when it has too much to do. */
const busyStatuses: ReadonlySet<number> = new Set([502, 503, 504]);
const busyPauseMs = 200;
const busyTries = 50;
/** A request is answered within a second, or with a page that says to ask again. */
const patienceMs = 30_000;

/** Sends the statement and waits for its columns. Throws CommandError where Trino is away, or refuses the statement. */
export async function askTrino(place: TrinoPlace, sql: string, signal: AbortSignal): Promise<TrinoResult> {
  let answer = await request(place, { path: "/v1/statement", method: "POST", body: sql }, signal);
  while (answer.columns === undefined && answer.nextUri !== undefined)
    answer = await follow(place, answer.nextUri, signal);
  const columns = (answer.columns ?? []).map(({ name, typeSignature }) => ({ name, type: typeSignature }));
  return { columns, pages: pagesFrom(place, answer, signal) };
}

async function* pagesFrom(
  place: TrinoPlace,
  first: Answer,
  signal: AbortSignal,
): AsyncGenerator<readonly (readonly unknown[])[]> {
  let answer = first;
  try {
    for (;;) {
      if (answer.data !== undefined && answer.data.length > 0) yield answer.data;
      if (answer.nextUri === undefined) return;
      answer = await follow(place, answer.nextUri, signal);
    }
  } finally {
    if (answer.nextUri !== undefined) await cancel(place, answer.nextUri);
  }
}

/** Asks for the next page; where the person stops waiting, the statement is ended. */
async function follow(place: TrinoPlace, nextUri: string, signal: AbortSignal): Promise<Answer> {
  try {
    return await request(place, { path: pathOf(nextUri), method: "GET" }, signal);
  } catch (error) {
    if (signal.aborted) await cancel(place, nextUri);
    throw error;
  }
}

/** Trino names itself as it was asked; behind a proxy that would lead elsewhere. */
function pathOf(uri: string): string {
  const { pathname, search } = new URL(uri);
  return `${pathname}${search}`;
}

async function cancel(place: TrinoPlace, nextUri: string): Promise<void> {
  const ended = AbortSignal.timeout(2000);
  // It ends by itself when nobody asks for its pages.
  await fetch(urlOf(place, pathOf(nextUri)), { method: "DELETE", headers: headersOf(place), signal: ended }).catch(
    () => {},
  );
}

interface Asked {
  readonly path: string;
  readonly method: "GET" | "POST";
  readonly body?: string;
}

async function request(place: TrinoPlace, asked: Asked, signal: AbortSignal): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    const { status, text } = await send(place, asked, signal);
    if (busyStatuses.has(status) && attempt < busyTries) {
      await pause(busyPauseMs, undefined, { signal });
      continue;
    }
    if (status !== 200) throw away(place, `HTTP ${status}: ${printable(text.slice(0, 200))}`);
    const answer = answerSchema.safeParse(jsonOf(text));
    if (!answer.success) throw away(place, "what answers there is no Trino", answer.error);
    if (answer.data.error !== undefined) throw refusal(place, answer.data.error);
    return answer.data;
  }
}

async function send(
  place: TrinoPlace,
  { path, method, body }: Asked,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const answer = await fetch(urlOf(place, path), {
      method,
      headers: headersOf(place),
      signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    signal.throwIfAborted();
    throw away(place, error instanceof Error && error.name === "TimeoutError" ? "no answer" : "nobody listens", error);
  }
}

function urlOf({ url }: TrinoPlace, path: string): string {
  return `${url.replace(/\/+$/, "")}${path}`;
}

function headersOf({ catalog, schema, user }: TrinoPlace): Readonly<Record<string, string>> {
  return {
    "X-Trino-User": user,
    "X-Trino-Source": "airlake",
    "X-Trino-Catalog": catalog,
    "X-Trino-Schema": schema,
    "X-Trino-Time-Zone": "UTC",
    // Without it every time stamp comes cut to milliseconds.
    "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
    "Content-Type": "text/plain; charset=utf-8",
  };
}

/** JSON in which whole numbers beyond 2^53 are not rounded. Undefined for what is none. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text, exact);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function exact(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  const { source = "" } = context ?? {};
  const isRounded = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source);
  return isRounded ? BigInt(source) : value;
}

function away({ url }: TrinoPlace, why: string, cause?: unknown): CommandError {
  return new CommandError(
    `Trino does not answer at ${url} (${why}).`,
    "Start it with: docker compose --profile sql up --wait, or correct TRINO_URL.",
    { cause },
  );
}

function refusal(
  { catalog, schema }: TrinoPlace,
  { message, errorName }: { readonly message: string; readonly errorName: string },
): CommandError {
  return new CommandError(
    `Trino: ${message}${errorName === "" ? "" : ` (${errorName})`}`,
    `Tables are in ${catalog}.${schema}. Try: SHOW TABLES`,
  );
}

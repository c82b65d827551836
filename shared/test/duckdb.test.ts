/** The engine as every stage gets it: fenced in, interruptible, each session on its own. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { type DuckDb, openDuckDb, quoteName, quoteText } from "../src/duckdb.ts";

let outside: string;
let scratch: string;
let duckdb: DuckDb;
const never = new AbortController().signal;
beforeEach(async () => {
  outside = await mkdtemp(join(tmpdir(), "airlake-duckdb-"));
  scratch = await mkdtemp(join(outside, "scratch-"));
  duckdb = await openDuckDb({ threads: 2, memoryLimitMb: 128, scratch });
});
afterEach(async () => {
  duckdb[Symbol.dispose]();
  await rm(outside, { recursive: true });
});

test("reads and writes in its scratch folder and nowhere else", async () => {
  using session = await duckdb.connect(never);
  await writeFile(join(outside, "secret.csv"), "a\n1\n");

  await session.run(`COPY (SELECT 1 AS a) TO ${quoteText(join(scratch, "own.csv"))}`);

  expect(await session.rows(`SELECT a::INT AS a FROM read_csv(${quoteText(join(scratch, "own.csv"))})`)).toEqual([
    { a: 1 },
  ]);
  await expect(session.rows(`FROM read_csv(${quoteText(join(outside, "secret.csv"))})`)).rejects.toThrow(/Permission/);
  await expect(session.run(`COPY (SELECT 1) TO ${quoteText(join(outside, "b.csv"))}`)).rejects.toThrow(/Permission/);
  await expect(session.rows("FROM read_csv('https://example.org/a.csv')")).rejects.toThrow();
  await expect(session.run("SET enable_external_access = true")).rejects.toThrow();
  await expect(session.run("SET memory_limit = '64GB'")).rejects.toThrow(/locked/);
});

test("keeps time in UTC wherever it runs", async () => {
  using session = await duckdb.connect(never);

  expect(await session.rows("SELECT current_setting('TimeZone') AS zone")).toEqual([{ zone: "UTC" }]);
});

test("interrupts a statement when the signal is aborted, and refuses the next", async () => {
  const controller = new AbortController();
  using session = await duckdb.connect(controller.signal);
  const endless = session.run("SELECT count(*) FROM range(1000000000000) WHERE sqrt(range) < 0");

  controller.abort(new Error("lease is over"));

  await expect(endless).rejects.toThrow("lease is over");
  await expect(session.run("SELECT 1")).rejects.toThrow("lease is over");
});

test("interrupts statements that wait for a thread as well, of which DuckDB has not heard yet", async () => {
  const controller = new AbortController();
  const sessions = await Promise.all(Array.from({ length: 12 }, async () => duckdb.connect(controller.signal)));
  const endless = sessions.map(async (session) => session.run("SELECT count(*) FROM range(1000000000000)"));

  controller.abort(new Error("lease is over"));

  const ends = await Promise.allSettled(endless);
  expect(ends.map(({ status }) => status)).toEqual(ends.map(() => "rejected"));
  sessions.forEach((session) => session[Symbol.dispose]());
});

test("survives a session that is closed under its running statement", async () => {
  const running = (async () => {
    using session = await duckdb.connect(never);
    // The await that is missing here is the fault.
    // oxlint-disable-next-line typescript/return-await
    return session.rows("SELECT count(*) FROM range(1000000000000) WHERE sqrt(range) < 0");
  })();

  await expect(running).rejects.toThrow(/INTERRUPT/);
  using next = await duckdb.connect(never);
  expect(await next.rows("SELECT 1 AS a")).toEqual([{ a: 1 }]);
});

test("goes on after a statement that ran out of memory", async () => {
  using session = await duckdb.connect(never);

  await expect(session.run("SELECT list(range) FROM range(100000000)")).rejects.toThrow(/Out of Memory/);

  expect(await session.rows("SELECT 1 AS a")).toEqual([{ a: 1 }]);
});

test("keeps the temporary tables of sessions apart", async () => {
  using one = await duckdb.connect(never);
  using other = await duckdb.connect(never);
  await one.run("CREATE TEMP TABLE t AS SELECT 1 AS a");

  await expect(other.rows("FROM t")).rejects.toThrow(/does not exist/);
});

test("quotes any text as a literal and as a name", async () => {
  using session = await duckdb.connect(never);
  const odd = `it's "quoted"; DROP TABLE x --`;

  expect(await session.rows(`SELECT ${quoteText(odd)} AS ${quoteName(odd)}`)).toEqual([{ [odd]: odd }]);
});

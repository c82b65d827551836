import { GetObjectCommand } from "@aws-sdk/client-s3";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";

import { listKeys, placeOf } from "../../src/ledger.ts";
import { type Ran, json, start } from "../airlake.ts";
import { dayFile, line } from "../day-file.ts";
import { inProcess } from "../in-process.ts";
import { tempFolder } from "../temp-folder.ts";
import { createDeadLake } from "./dead-lake.ts";

interface Plan {
  readonly hash: string;
  readonly messages: number;
  readonly sources: Readonly<Record<string, number>>;
  readonly next: string;
}

interface Replayed {
  readonly replay: string;
  readonly outcome: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly fates: Readonly<Record<string, number>> | null;
  readonly detail: string | null;
}

/** A lake that has run over these files; its raw folder lies open. */
async function lakeOf(files: Readonly<Record<string, string>>) {
  const cwd = await tempFolder();
  await mkdir(join(cwd, "day"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, "day", name), text);
  const shown = join(cwd, "lake");
  await inProcess(["run", join(cwd, "day"), "--lake", join(cwd, "lake")]);
  const here = async (...args: readonly string[]): Promise<Ran> => inProcess([...args, "--lake", shown, "--json"]);
  const dlq = async (...args: readonly string[]): Promise<Ran> => here("dlq", ...args);
  return {
    shown,
    here,
    dlq,
    /** How many messages were sent again so far. */
    replayed: async () => (json(await dlq("ls")) as { settled: Record<string, number> }).settled["replayed"] ?? 0,
    plan: async (...args: readonly string[]): Promise<Plan> => json(await dlq("replay", ...args)) as Plan,
    mend: async (name: string, text: string) => writeFile(join(cwd, "lake", "raw", "openaq", "day", name), text),
    kept: async (): Promise<Readonly<Record<string, number>>> => {
      const sources = json(await here("sources")) as { key: string; kept: number }[];
      return Object.fromEntries(sources.map(({ key, kept }) => [key.replace("openaq/day/", ""), kept]));
    },
    rows: async () => json(await here("query", "SELECT count(*) AS rows FROM measurements")),
  };
}

const bad = "nothing that anybody knows\n";
const good = (hour: number): string => dayFile([line(hour), line(hour + 1)]);
const patient = { timeout: 180_000 };

describe("dlq replay", patient, () => {
  test("sends what was reviewed, tries again what was rejected, and knows what became of each", async () => {
    const { here, dlq, plan, mend, kept } = await lakeOf({ "a.csv": bad, "b.csv": bad, "c.csv": bad });
    await mend("a.csv", good(1));

    const reviewed = await plan("--reason", "unrecognised-format");
    const untouched = json(await dlq("ls")) as { messages: number };
    const done = await dlq("replay", "--reason", "unrecognised-format", "--yes", "--plan", reviewed.hash);
    const { replay, ...told } = json(done) as Replayed;

    expect(reviewed).toMatchObject({ messages: 3, sources: { changed: 1, unchanged: 2 } });
    expect(untouched.messages).toBe(3);
    expect(done.code).toBe(1);
    expect(told).toMatchObject({
      outcome: "done",
      counts: { replayed: 3 },
      fates: { succeeded: 1, "failed-again": 2, pending: 0 },
    });
    expect(await kept()).toEqual({ "a.csv": 2, "b.csv": 0, "c.csv": 0 });
    expect(json(await dlq("ls"))).toMatchObject({ messages: 2, settled: { replayed: 3 } });
    expect(json(await dlq("status", replay.slice(0, 6)))).toMatchObject({
      succeeded: 1,
      "failed-again": 2,
      pending: 0,
    });

    const [again] = json(await dlq("show", "--limit", "1")) as { record: { attributes: Record<string, string> } }[];
    expect(again?.record.attributes).toMatchObject({
      "replay.id": replay,
      "replay.count": "1",
      "replay.by": expect.stringContaining("@"),
    });
    const audit = json(await here("audit")) as Record<string, unknown>[];
    expect(audit).toMatchObject([
      {
        id: replay,
        action: "dlq-replay",
        outcome: "done",
        planHash: reviewed.hash,
        filter: { reason: "unrecognised-format" },
        counts: { replayed: 3 },
      },
    ]);
  });

  test("counts the replays of a message", async () => {
    const { dlq, plan } = await lakeOf({ "a.csv": bad });

    for (const count of ["1", "2"]) {
      const { hash } = await plan();
      await dlq("replay", "--yes", "--plan", hash);

      const [dead] = json(await dlq("show")) as { record: { attributes: Record<string, string> } }[];
      expect(dead?.record.attributes).toMatchObject({ "replay.count": count });
    }
  });

  test("stops after a canary that dies again, and leaves the others where they are", async () => {
    const { dlq, plan } = await lakeOf({ "a.csv": bad, "b.csv": bad, "c.csv": bad });
    const { hash, next } = await plan("--canary", "1");

    const stopped = await dlq("replay", "--canary", "1", "--yes", "--plan", hash);

    expect(next).toContain("--canary 1");
    expect(stopped.code).toBe(1);
    expect(json(stopped)).toMatchObject({
      outcome: "stopped",
      counts: { replayed: 1, "not-done": 2 },
      detail: expect.stringContaining("died again"),
    });
    expect(json(await dlq("ls", "--scan"))).toMatchObject({
      messages: 3,
      depth: { cleaner: { visible: 3, inHand: 0 } },
    });
  });

  test("goes on after canaries that succeed", async () => {
    const { dlq, plan, mend, kept } = await lakeOf({ "a.csv": bad, "b.csv": bad, "c.csv": bad });
    for (const [at, name] of ["a.csv", "b.csv", "c.csv"].entries()) await mend(name, good(at * 3));
    const { hash } = await plan();

    const done = await dlq("replay", "--canary", "2", "--yes", "--plan", hash);

    expect(done.code).toBe(0);
    expect(json(done)).toMatchObject({ outcome: "done", counts: { replayed: 3 }, fates: { succeeded: 3 } });
    expect(await kept()).toEqual({ "a.csv": 2, "b.csv": 2, "c.csv": 2 });
  });

  test("stops at Ctrl-C between two messages, says what was done, and lets go of the others at once", async () => {
    const { shown, replayed, dlq, plan } = await lakeOf({ "a.csv": bad, "b.csv": bad, "c.csv": bad, "d.csv": bad });
    const { hash } = await plan();
    const running = start(["dlq", "replay", "--rate", "1", "--yes", "--plan", hash, "--json", "--lake", shown]);
    await expect.poll(replayed, slowly).toBeGreaterThan(0);

    running.child.kill("SIGINT");
    const ended = await running.ended;

    expect(ended.code).toBe(130);
    const { counts, outcome } = json(ended) as Replayed;
    expect(outcome).toBe("stopped");
    expect((counts["replayed"] ?? 0) + (counts["not-done"] ?? 0)).toBe(4);
    expect(counts["not-done"]).toBeGreaterThan(0);
    expect(json(await dlq("ls"))).toMatchObject({ depth: { cleaner: { inHand: 0 } } });
  });

  test("loses and doubles nothing when it is killed in the middle", async () => {
    const { shown, replayed, here, dlq, plan, mend, rows } = await lakeOf(fourBad);
    for (const [at, name] of names.entries()) await mend(name, good(at * 3));
    const { hash } = await plan();
    const killed = start(["dlq", "replay", "--rate", "1", "--yes", "--plan", hash, "--lake", shown]);
    await expect.poll(replayed, slowly).toBeGreaterThan(0);

    killed.child.kill("SIGKILL");
    await killed.ended;

    const [audit] = json(await here("audit")) as { readonly id: string }[];
    expect(audit).toMatchObject({ outcome: "running", items: { length: 4 } });
    expect(await dlq("status", audit?.id ?? "")).toMatchObject({ code: 0 });
    passMinute(shown);
    const rest = await plan();
    expect(rest.messages).toBeGreaterThan(0);
    expect(await dlq("replay", "--yes", "--plan", rest.hash)).toMatchObject({ code: 0 });
    expect(await rows()).toEqual([{ rows: 8 }]);
    expect(json(await dlq("ls", "--scan"))).toMatchObject({ messages: 0, scan: { unseen: 0 } });
  });

  test("doubles nothing where two run at once", async () => {
    const { dlq, plan, mend, rows, kept } = await lakeOf(fourBad);
    for (const [at, name] of names.entries()) await mend(name, good(at * 3));
    const { hash } = await plan();

    const both = await Promise.all([1, 2].map(async () => dlq("replay", "--yes", "--plan", hash)));
    const rest = await plan();
    await dlq("replay", "--yes", "--plan", rest.hash);

    // At most one of them could hold the reviewed set.
    expect(both.filter(({ code }) => code === 2).length).toBeGreaterThanOrEqual(1);
    expect(await rows()).toEqual([{ rows: 8 }]);
    expect(await kept()).toEqual(Object.fromEntries(names.map((name) => [name, 2])));
  });
});

const names = ["a.csv", "b.csv", "c.csv", "d.csv"];
const fourBad = Object.fromEntries(names.map((name) => [name, bad]));
const slowly = { timeout: 60_000, interval: 100 };

/** A minute passes for the messages that are hidden. */
function passMinute(shown: string): void {
  using db = new DatabaseSync(join(shown, ".airlake", "embedded.sqlite"), { timeout: 10_000 });
  db.exec("UPDATE messages SET visible_at = visible_at - 60000");
}

describe("a plan", patient, () => {
  test("is refused where another message has come, until the time that the next command names", async () => {
    await using lake = await createDeadLake();
    await lake.reject("openaq/a.csv");
    const plan = (await lake.dlqJson("replay")) as unknown as Plan;
    await lake.opened.clock.sleep(2);
    await lake.reject("openaq/b.csv");

    const refused = await lake.dlq("replay", "--yes", "--plan", plan.hash);
    const until = /--until (\S+)/.exec(plan.next)?.[1] ?? "";
    const same = (await lake.dlqJson("replay", "--until", until)) as unknown as Plan;

    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("2 messages");
    expect(same.hash).toBe(plan.hash);
    expect(await lake.depth()).toEqual({ visible: 2, hidden: 0 });
  });

  test("is refused where a message is in somebody's hands, where there is none, and above a thousand messages", async () => {
    await using lake = await createDeadLake();
    await lake.reject("openaq/a.csv");
    const { hash } = (await lake.dlqJson("discard", "--because", "x")) as unknown as Plan;

    const ofOther = await lake.dlq("replay", "--yes", "--plan", hash);
    const without = await lake.dlq("discard", "--because", "x", "--yes");
    await lake.take();
    const taken = await lake.dlq("discard", "--because", "x", "--yes", "--plan", hash);

    for (const refused of [ofOther, without, taken]) expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(taken.stderr).toContain("0 messages");
    expect(await lake.depth()).toEqual({ visible: 0, hidden: 1 });
  });

  test("of two thousand messages is seen whole, wants to be forced, and is done", async () => {
    await using lake = await createDeadLake();
    for (let at = 0; at < 100; at += 1) await lake.reject(`openaq/${at}.csv`);
    await lake.crash(Array.from({ length: 1900 }, (_, at) => `{"crashed":${at}}`));

    const plan = (await lake.dlqJson("discard", "--because", "a test")) as unknown as Plan;
    const which = ["discard", "--because", "a test", "--yes", "--plan", plan.hash];
    const refused = await lake.dlq(...which);
    const done = await lake.dlqJson(...which, "--force");

    expect(plan.messages).toBe(2000);
    expect(plan.next).toContain("--force");
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain("more than 1,000");
    expect(done).toMatchObject({ outcome: "done", counts: { discarded: 2000 } });
    expect(await lake.depth()).toEqual({ visible: 0, hidden: 0 });
    expect(await lake.dlqJson("ls")).toMatchObject({ messages: 0, settled: { discarded: 100 } });
  });
});

describe("a replay", patient, () => {
  test("says which messages it could not send, sends the others, and leaves those where they are", async () => {
    await using lake = await createDeadLake();
    const longest = JSON.stringify("x".repeat(1_048_574));
    const bodies = [longest, '{"who":"knows"}', ...["y", "z"].map((sign) => JSON.stringify(sign.repeat(900_000)))];
    for (const body of bodies) await lake.crash([body]);
    const { hash } = (await lake.dlqJson("replay")) as unknown as Plan;

    const done = await lake.dlq("replay", "--rate", "100", "--yes", "--plan", hash);

    expect(done.code).toBe(1);
    expect(done.stdout).toContain("3 of 4 messages sent again.");
    expect(done.stdout).toMatch(/not-sent: with its stamp it has 10486\d\d bytes, and SQS takes 1048576/);
    // The three are no messages that the cleaner knows: it parks them anew.
    expect(await lake.dlqJson("ls", "--scan")).toMatchObject({
      groups: [
        { reason: "unreadable-message", count: 3 },
        { reason: "crashed", count: 1 },
      ],
    });
  });
});

describe("dlq discard", patient, () => {
  test("keeps in the audit what has no failure record, with the reason why", async () => {
    await using lake = await createDeadLake();
    const body = '{"odd":"\u{1F600} \\u0007 $(x)"}';
    await lake.exhaust(body);
    const which = ["discard", "--because", 'it says "odd"'];
    const { hash } = (await lake.dlqJson(...which)) as unknown as Plan;

    const done = (await lake.dlqJson(...which, "--yes", "--plan", hash)) as unknown as { readonly discard: string };

    const key = await auditKeyOf(lake.opened, done.discard);
    const stored = await lake.opened.s3.send(new GetObjectCommand({ Bucket: "ops", Key: key }));
    const record = JSON.parse((await stored.Body?.transformToString()) ?? "") as unknown;
    expect(key).toMatch(/^audit\/\d{4}-\d\d-\d\d\/\d{6}-dlq-discard-[0-9a-f]{16}\.json$/);
    expect(record).toMatchObject({
      because: 'it says "odd"',
      outcome: "done",
      items: [{ reason: "crashed", body, result: "discarded" }],
    });
    expect(await lake.depth()).toEqual({ visible: 0, hidden: 0 });
  });
});

async function auditKeyOf(opened: Awaited<ReturnType<typeof createDeadLake>>["opened"], id: string): Promise<string> {
  for await (const keys of listKeys(placeOf(opened), "audit/")) {
    const found = keys.find((key) => key.includes(id));
    if (found !== undefined) return found;
  }
  return "";
}

import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { describe, expect, test } from "vitest";

import { createDeadLake, hoursAgo } from "./dead-lake.ts";

describe("dlq ls", () => {
  test("groups by stage and reason from the records, and leaves the queue alone", async () => {
    await using lake = await createDeadLake();
    await lake.reject("openaq/a.csv", {}, hoursAgo(2));
    await lake.reject("openaq/b.csv", {}, hoursAgo(1));
    await lake.reject("openaq/c.csv", { reason: "truncated-gzip" });

    const listed = await lake.dlqJson("ls");
    const shown = await lake.dlq("ls");

    expect(listed).toMatchObject({
      messages: 3,
      groups: [
        { stage: "cleaner", reason: "no-good", count: 2, sampleKeys: ["openaq/a.csv", "openaq/b.csv"] },
        { stage: "cleaner", reason: "truncated-gzip", count: 1 },
      ],
      depth: { cleaner: { visible: 3, inHand: 0 } },
      settled: {},
    });
    expect(shown.stdout).toContain("cleaner  no-good                2");
    const [message] = await lake.take();
    expect(message?.Attributes?.["ApproximateReceiveCount"]).toBe("1");
  });

  test("tells the time left from the parking where a worker parked, and from the sending where SQS did", async () => {
    await using lake = await createDeadLake();
    await lake.reject("openaq/a.csv", {}, hoursAgo(24));
    await lake.exhaust("{}", { error: new Error("nobody thought of it") });

    const byRecords = await lake.dlqJson("ls");
    const byQueue = await lake.dlqJson("ls", "--scan");

    const days = (group: { readonly dropsAt: string }): number =>
      (Date.parse(group.dropsAt) - Date.now()) / 24 / 3_600_000;
    const groups = (listed: Record<string, never>): readonly never[] => listed["groups"] ?? [];
    expect(groups(byRecords).map(days)).toEqual([expect.closeTo(13, 1), expect.closeTo(14, 1)]);
    // The parked message is a new one: its record was made to look old, the message is not.
    expect(groups(byQueue).map(days)).toEqual([expect.closeTo(14, 1), expect.closeTo(14, 1)]);
  });

  test("does not list what SQS has dropped in the meantime", async () => {
    await using lake = await createDeadLake();
    await lake.reject("openaq/a.csv", {}, hoursAgo(15 * 24));

    expect(await lake.dlqJson("ls")).toMatchObject({ messages: 0, settled: { dropped: 1 } });
  });

  test("says where the queues and the records differ, and finds by a scan what crashed", async () => {
    await using lake = await createDeadLake();
    await lake.reject("openaq/a.csv");
    await lake.exhaust('{"who":"knows"}');

    const unscanned = await lake.dlq("ls");
    const scanned = await lake.dlqJson("ls", "--scan");

    expect(unscanned.stdout).toContain("The queues and the records differ");
    expect(scanned).toMatchObject({ messages: 2, scan: { complete: true, markedGone: 0, unseen: 0 } });
    expect((scanned["groups"] as unknown as { reason: string }[]).map(({ reason }) => reason).toSorted()).toEqual([
      "crashed",
      "no-good",
    ]);
    expect(await lake.depth()).toEqual({ visible: 2, hidden: 0 });
  });

  test("marks records as settled by a scan where their message is gone and nothing is on its way", async () => {
    await using lake = await createDeadLake();
    await lake.reject("openaq/a.csv");
    await lake.drain();
    await lake.opened.sqs.send(new SendMessageCommand({ QueueUrl: lake.opened.queues.clean.url, MessageBody: "{}" }));

    const busy = await lake.dlqJson("ls", "--scan");
    await lake.drain("queued");
    const quiet = await lake.dlqJson("ls", "--scan");
    const after = await lake.dlqJson("ls");

    expect(busy).toMatchObject({ messages: 0, scan: { markedGone: 0, unseen: 1 } });
    expect(quiet).toMatchObject({ messages: 0, settled: { gone: 1 }, scan: { markedGone: 1, unseen: 0 } });
    expect(after).toMatchObject({ messages: 0, settled: { gone: 1 } });
  });

  test("does not take a message that somebody else has in hand for gone", async () => {
    await using lake = await createDeadLake();
    await lake.reject("openaq/a.csv");
    await lake.take();

    const scanned = await lake.dlqJson("ls", "--scan");

    expect(scanned).toMatchObject({
      messages: 0,
      depth: { cleaner: { visible: 0, inHand: 1 } },
      scan: { markedGone: 0, unseen: 1 },
    });
    expect(await lake.dlqJson("ls")).toMatchObject({ messages: 1 });
  });

  test("shows odd text so that it cannot move the cursor, and still finds it by its prefix", async () => {
    await using lake = await createDeadLake();
    const key = "openaq/\u001B[2Jödd $(x) 'q'\n.csv";
    await lake.reject(key, { reason: "odd \u0007 reason", detail: "it \u001B[31m is" });

    const shown = await lake.dlq("ls", "--prefix", "openaq/\u001B");
    const one = await lake.dlq("show", "--prefix", "openaq/\u001B[2J");

    expect(shown.stdout + one.stdout).not.toContain("\u001B");
    expect(shown.stdout + one.stdout).not.toContain("\u0007");
    expect(one.stdout).toContain("ödd $(x) 'q'");
  });

  test("sees what waits alive in a queue, and lets one of it go", async () => {
    await using lake = await createDeadLake();
    const { sqs, queues } = lake.opened;
    for (const name of ["old", "new"])
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: queues.clean.url,
          MessageBody: JSON.stringify({
            contract: "source-changed/1",
            source: { bucket: "raw", key: `openaq/${name}.csv` },
            correlationId: name,
          }),
        }),
      );

    const listed = await lake.dlqJson("ls", "--queued", "--stage", "cleaner");
    const which = [
      "discard",
      "--queued",
      "--stage",
      "cleaner",
      "--prefix",
      "openaq/old",
      "--because",
      "a newer one came",
    ];
    const { hash } = (await lake.dlqJson(...which)) as unknown as { readonly hash: string };
    const done = await lake.dlq(...which, "--yes", "--plan", hash);

    expect(listed).toMatchObject({ messages: 2, groups: [{ stage: "cleaner", reason: "queued", count: 2 }] });
    expect(done).toMatchObject({ code: 0 });
    expect((await lake.drain("queued")).map(({ Body }) => Body)).toEqual([expect.stringContaining("openaq/new.csv")]);
  });
});

describe("dlq show", () => {
  test("tells the error chain, the attempts, and what the source is now", async () => {
    await using lake = await createDeadLake();
    const etag = await lake.put("openaq/same.csv", "same");
    await lake.put("openaq/other.csv", "other");
    await lake.reject("openaq/same.csv", { identity: etag });
    await lake.reject("openaq/other.csv", {
      identity: '"before"',
      error: new Error("outer", { cause: new Error("inner") }),
    });
    await lake.reject("openaq/gone.csv", { identity: '"x"' });

    const shown = (await lake.dlqJson("show", "--reason", "no-good")) as unknown as readonly {
      readonly keys: readonly string[];
      readonly source: { readonly change: string };
      readonly record: { readonly errors: readonly string[] };
    }[];
    const text = await lake.dlq("show", "--prefix", "openaq/other");

    const changes = Object.fromEntries(shown.map(({ keys, source }) => [keys[0], source.change]));
    expect(changes).toEqual({
      "openaq/same.csv": "unchanged",
      "openaq/other.csv": "changed",
      "openaq/gone.csv": "gone",
    });
    expect(text.stdout).toMatch(/errors\s+Error: outer\n\s+Error: inner\n/);
    expect(text.stdout).toContain("at the first try");
    expect(text.stdout).toContain("story of openaq/other.csv");
  });

  test("finds one by the beginning of its id, and in the queues where it has no record", async () => {
    await using lake = await createDeadLake();
    await lake.reject("openaq/a.csv");
    await lake.exhaust('{"who":"knows"}');
    const groups = (await lake.dlqJson("ls", "--scan"))["groups"] as unknown as readonly {
      readonly sampleIds: readonly string[];
    }[];

    for (const id of groups.map(({ sampleIds }) => sampleIds[0] ?? "")) {
      const shown = await lake.dlq("show", id.slice(0, 8));
      expect(shown.code).toBe(0);
      expect(shown.stdout).toContain(id);
    }
    expect(await lake.dlq("show", "nothing-such")).toMatchObject({ code: 2, stdout: "" });
    expect(await lake.depth()).toEqual({ visible: 2, hidden: 0 });
  });

  test("tells nothing of a very long text but its beginning, and all of it in an export", async () => {
    await using lake = await createDeadLake();
    const body = JSON.stringify({ long: "x".repeat(300_000), odd: "\u2028 \u{1F600} \r" });
    await lake.exhaust(body);

    const exported = await lake.dlq("export", "-", "--scan");

    const [line, ...others] = exported.stdout.trimEnd().split("\n");
    expect(others).toEqual([]);
    expect(JSON.parse(line ?? "")).toMatchObject({ reason: "crashed", body, record: null });
  });
});

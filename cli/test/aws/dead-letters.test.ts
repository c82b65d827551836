// The dead-letter commands on an emulator of AWS: SQS's own receipts, redrive and counts.
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { GetQueueUrlCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { systemClock } from "@airlake/shared/clock";
import { containerReason, localStackImage } from "@airlake/shared/testing/containers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openAnyLake } from "../../src/opened-lake.ts";
import { json } from "../airlake.ts";
import { dayFile, line } from "../day-file.ts";
import { type DeadLake, deadLakeOf } from "../dlq/dead-lake.ts";
import { inProcess } from "../in-process.ts";
import { type Emulated, type EmulatedLake, startEmulated } from "./emulated-lake.ts";

const reason = containerReason(localStackImage);
// SQS is asked for a second each time that it may be empty, and a busy machine is slow.
const patient = { timeout: 180_000 };
const bad = "nothing that anybody knows\n";

interface Plan {
  readonly hash: string;
  readonly messages: number;
}

describe.skipIf(reason !== undefined)(
  `dead letters in aws:${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  patient,
  () => {
    let emulated: Emulated;
    beforeAll(async () => {
      emulated = await startEmulated();
    }, 200_000);
    afterAll(async () => emulated[Symbol.asyncDispose](), 60_000);

    async function newLake(
      prefix: string,
    ): Promise<{ readonly lake: EmulatedLake; readonly dead: DeadLake } & AsyncDisposable> {
      await using closing = new AsyncDisposableStack();
      const lake = closing.use(await emulated.newLake(prefix));
      const dead = deadLakeOf(closing.use(await openAnyLake(lake.shown, "write", systemClock)));
      // S3's test event.
      await expect.poll(async () => (await dead.depth("queued")).visible, { timeout: 20_000 }).toBe(1);
      await dead.drain("queued");
      const held = closing.move();
      return { lake, dead, [Symbol.asyncDispose]: async () => held.disposeAsync() };
    }

    test("are listed, scanned and shown, and lie in their queue as before", async () => {
      await using made = await newLake("looked");
      const { dead } = made;
      await dead.reject("openaq/a.csv");
      await dead.exhaust("{}", { error: new Error("outer", { cause: new Error("inner") }) });
      await dead.exhaust('{"who":"knows"}');

      const byRecords = await dead.dlqJson("ls");
      const scanned = await dead.dlqJson("ls", "--scan");
      const shown = await dead.dlq("show", "--reason", "unexpected");

      expect(byRecords).toMatchObject({ messages: 2, depth: { cleaner: { visible: 3, inHand: 0 } } });
      expect(scanned).toMatchObject({ messages: 3, scan: { complete: true, unseen: 0 } });
      const reasons = (scanned["groups"] as unknown as { reason: string }[]).map((group) => group.reason);
      expect(reasons.toSorted()).toEqual(["crashed", "no-good", "unexpected"]);
      expect(shown.stdout).toMatch(/errors\s+Error: outer\n\s+Error: inner\n/);
      expect(await dead.depth()).toEqual({ visible: 3, hidden: 0 });
    });

    test("are sent again with their stamp, all of many and no other, and what is left can be received at once", async () => {
      await using made = await newLake("replayed");
      const { dead } = made;
      for (let at = 0; at < 25; at += 1) await dead.reject(`openaq/${at}.csv`);
      await dead.reject("openaq/other.csv", { reason: "truncated-gzip" });
      const { hash } = (await dead.dlqJson("replay", "--reason", "no-good")) as unknown as Plan;

      const done = await dead.dlqJson("replay", "--reason", "no-good", "--rate", "100", "--yes", "--plan", hash);

      expect(done).toMatchObject({ outcome: "done", counts: { replayed: 25 } });
      const sent = await dead.drain("queued");
      expect(sent).toHaveLength(25);
      for (const { MessageAttributes: stamp = {} } of sent) {
        expect(Object.keys(stamp).toSorted()).toEqual(["replay.by", "replay.count", "replay.id"]);
        expect(stamp["replay.id"]?.StringValue).toBe(done["replay"]);
      }
      expect(await dead.take()).toHaveLength(1);
    });

    test("of which a canary dies again stop the replay; mended, they succeed", async () => {
      await using made = await newLake("canary");
      const { lake, dead } = made;
      const keys = ["openaq/a.csv", "openaq/b.csv"];
      for (const key of keys) await dead.put(key, bad);
      for (const key of keys) await look(lake, key);
      const plan = async (): Promise<Plan> => (await dead.dlqJson("replay")) as unknown as Plan;

      let cleaner = await lake.start("clean");
      await expect.poll(async () => (await dead.depth()).visible, { timeout: 60_000 }).toBe(2);
      const stopped = await dead.dlq("replay", "--canary", "1", "--yes", "--plan", (await plan()).hash, "--json");
      await cleaner[Symbol.asyncDispose]();
      // Nobody is at work, so what commits afterwards does so after the replay.
      for (const [at, Key] of keys.entries())
        await lake.s3.send(new PutObjectCommand({ Bucket: lake.topology.buckets.raw, Key, Body: dayFile([line(at)]) }));
      const done = await dead.dlqJson("replay", "--yes", "--plan", (await plan()).hash);
      cleaner = await lake.start("clean");

      expect(stopped.code).toBe(1);
      expect(json(stopped)).toMatchObject({ outcome: "stopped", counts: { replayed: 1, "not-done": 1 } });
      expect(done).toMatchObject({ outcome: "done", counts: { replayed: 2 } });
      const status = async (): Promise<unknown> => dead.dlqJson("status", String(done["replay"]));
      await expect.poll(status, { timeout: 100_000 }).toMatchObject({ succeeded: 2, "failed-again": 0, pending: 0 });
      expect(await dead.depth()).toEqual({ visible: 0, hidden: 0 });
      expect(json(await inProcess(["audit", "--lake", lake.shown, "--json"]))).toMatchObject([
        { action: "dlq-replay", outcome: "done" },
        { action: "dlq-replay", outcome: "stopped", detail: expect.stringContaining("died again") },
      ]);
    });

    test("are let go with a reason, and so is what waits alive", async () => {
      await using made = await newLake("let-go");
      const { lake, dead } = made;
      await dead.exhaust('{"who":"knows"}');
      await look(lake, "openaq/old.csv");
      await look(lake, "openaq/new.csv");

      for (const which of [
        ["--because", "a test"],
        ["--because", "a newer one came", "--queued", "--prefix", "openaq/old"],
      ]) {
        const { hash, messages } = (await dead.dlqJson("discard", ...which)) as unknown as Plan;
        expect(messages).toBe(1);
        expect(await dead.dlq("discard", ...which, "--yes", "--plan", hash)).toMatchObject({ code: 0 });
      }

      expect(await dead.depth()).toEqual({ visible: 0, hidden: 0 });
      expect((await dead.drain("queued")).map(({ Body }) => Body)).toEqual([expect.stringContaining("openaq/new.csv")]);
    });
  },
);

/** Sends the cleaner a pointer to a source. */
async function look(lake: EmulatedLake, key: string): Promise<void> {
  const { QueueUrl } = await lake.sqs.send(new GetQueueUrlCommand({ QueueName: lake.topology.queues.clean.name }));
  const pointer = {
    contract: "source-changed/1",
    source: { bucket: lake.topology.buckets.raw, key },
    correlationId: "look",
  };
  await lake.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(pointer) }));
}

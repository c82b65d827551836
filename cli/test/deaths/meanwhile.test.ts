// Real workers, one of them slow: what happens to a source, or upstream, while it holds a version of it.
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";

import { type Pipeline, startPipeline } from "../pipeline/pipeline.ts";
import { queueOf, startPlain, startVictim, workerNames } from "./children.ts";
import { fileOf, passThrough, untilQuiet } from "./lakes.ts";

const [a, b] = [fileOf(["BE", 1]), fileOf(["NL", 2])];
const gone = undefined;
const spoilt = "no table at all\n";

const stories = [
  { name: "a-b-a", before: [a], held: b, meanwhile: [a], ends: [1] },
  { name: "gone-while-first-read", before: [], held: a, meanwhile: [gone], ends: [] },
  { name: "gone-and-back-with-the-same-bytes", before: [a], held: b, meanwhile: [gone, b], ends: [2] },
  { name: "gone-and-back-as-it-was-before", before: [a], held: b, meanwhile: [gone, a], ends: [1] },
  { name: "held-while-it-goes", before: [a], held: gone, meanwhile: [a], ends: [1] },
  { name: "spoilt", before: [a], held: b, meanwhile: [spoilt], ends: [1] },
  { name: "good-again", before: [a], held: spoilt, meanwhile: [b], ends: [2] },
];

test(
  "sources that change while a slow cleaner holds a version end as what they are now",
  { timeout: 120_000 },
  async () => {
    await using pipeline = await startPipeline({ services: false });
    for (const { name, before } of stories) for (const content of before) await set(pipeline, name, content);
    await passThrough(pipeline, workerNames);

    // Before its intent or, where there are no parts to announce, before its commit.
    const snares = stories.map(({ name, held }) => {
      return { key: keyOf(name), step: held === gone || held === spoilt ? "commit" : "intent", how: "hold" } as const;
    });
    await using slow = startVictim(pipeline, "cleaner", snares, {
      CONCURRENCY: `${stories.length}`,
      VISIBILITY_TIMEOUT_SECONDS: "10",
    });
    for (const { name, held } of stories) await set(pipeline, name, held);
    await expect
      .poll(() => slow.caught.filter(({ step }) => step === "intent" || step === "commit").length, { timeout: 40_000 })
      .toBe(stories.length);
    await using _quick = startPlain(pipeline, "cleaner");
    for (const { name, meanwhile } of stories) for (const content of meanwhile) await set(pipeline, name, content);
    await expect
      .poll(async () => depthOf(pipeline), { timeout: 40_000 })
      .toEqual({ visible: 0, inFlight: stories.length });
    slow.release();
    await untilQuiet(pipeline, ["cleaner"]);
    await passThrough(pipeline, workerNames);

    const rows = await pipeline.rows("select source_id, value from {gold}");
    const manifests = await Promise.all(stories.map(async ({ name }) => pipeline.manifest("joiner", keyOf(name))));
    const ends = stories.map(({ name }, at) => {
      const values = rows.filter((row) => row["source_id"] === manifests[at]?.sourceId).map((row) => row["value"]);
      return { name, ends: values };
    });
    expect(ends).toEqual(stories.map(({ name, ends: values }) => ({ name, ends: values })));
    expect(await pipeline.unnamed()).toEqual([]);
    expect(slow.log()).not.toContain("message failed");
  },
);

test("a joiner that is late for a clean part reads the manifest again", { timeout: 90_000 }, async () => {
  await using pipeline = await startPipeline({ services: false });
  await set(pipeline, "late", a);
  await passThrough(pipeline, ["cleaner"]);
  await using late = startVictim(pipeline, "joiner", [{ key: keyOf("late"), step: "read part", how: "hold" }]);
  await expect.poll(() => late.count(keyOf("late"), "read part"), { timeout: 30_000 }).toBe(1);

  await set(pipeline, "late", b);
  await passThrough(pipeline, ["cleaner"]);
  late.release();
  await untilQuiet(pipeline, ["joiner"]);

  expect(await pipeline.manifest("joiner", keyOf("late"))).toMatchObject({
    generation: 1,
    input: { identity: expect.stringMatching(/^2-/) },
  });
  expect(await pipeline.rows("select value from {gold}")).toEqual([{ value: 2 }]);
  expect(late.log()).not.toContain("message failed");
});

test(
  "two sources fill one partition and leave it, and it stays known with the rows that are left",
  { timeout: 90_000 },
  async () => {
    await using pipeline = await startPipeline({ env: { CONCURRENCY: "2" } });
    await using _second = await pipeline.more("joiner");
    const values = async (): Promise<readonly unknown[]> => {
      await untilQuiet(pipeline, workerNames);
      const rows = await pipeline.rows("select value from {gold} where country = 'BE' order by value");
      return rows.map((row) => row["value"]);
    };
    // A third keeps the table from being empty.
    await set(pipeline, "bystander", b);

    for (let round = 0; round < 3; round += 1) {
      await Promise.all([
        set(pipeline, "one", fileOf(["BE", 10])),
        set(pipeline, "other", fileOf(["BE", 20], ["NL", 21])),
      ]);
      expect(await values()).toEqual([10, 20]);
      await Promise.all([set(pipeline, "one", fileOf(["NL", 11])), set(pipeline, "other", fileOf(["BE", 22]))]);
      expect(await values()).toEqual([22]);
      await Promise.all([set(pipeline, "one", fileOf(["BE", 12])), set(pipeline, "other", gone)]);
      expect(await values()).toEqual([12]);
      await set(pipeline, "one", gone);
      expect(await values()).toEqual([]);
    }

    expect(await pipeline.unnamed()).toEqual([]);
  },
);

test("a cleaner asks once which rules are wanted, so that it writes down those that it used", async () => {
  await using pipeline = await startPipeline({ services: false });
  const { clients } = pipeline.lake;
  const asked: string[] = [];
  const send = async (command: { readonly input: { readonly Key?: string } }, options: unknown): Promise<unknown> => {
    if (command.input.Key?.startsWith("rules/") === true) asked.push(command.input.Key);
    return (clients.s3.send as (...sent: readonly unknown[]) => Promise<unknown>)(command, options);
  };
  await using _cleaner = await pipeline.more("cleaner", { ...clients, s3: { send: send as typeof clients.s3.send } });

  await set(pipeline, "rules", a);
  await untilQuiet(pipeline, ["cleaner"]);

  expect(await pipeline.manifest("cleaner", keyOf("rules"))).toMatchObject({ state: "current", rulePack: 1 });
  expect(asked).toEqual(["rules/openaq.json"]);
});

function keyOf(name: string): string {
  return `openaq/meanwhile/${name}.csv`;
}

async function set(pipeline: Pipeline, name: string, content: string | undefined): Promise<void> {
  if (content === undefined) await pipeline.remove(keyOf(name));
  else await pipeline.put(keyOf(name), content);
}

async function depthOf({ lake, queues }: Pipeline): Promise<unknown> {
  const { Attributes: found = {} } = await lake.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queues[queueOf.cleaner].url, AttributeNames: ["All"] }),
  );
  return {
    visible: Number(found.ApproximateNumberOfMessages),
    inFlight: Number(found.ApproximateNumberOfMessagesNotVisible),
  };
}

// Two real cleaners and two real joiners at sources that keep changing.
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";

import { type Pipeline, startPipeline } from "../pipeline/pipeline.ts";
import { startPlain, workerNames } from "./children.ts";
import { fileOf, unregistered, untilQuiet } from "./lakes.ts";

const countries = ["BE", "NL", "FR", "DE"];
const keys = Array.from({ length: 3 }, (_, at) => `openaq/raced/${at}.csv`);
const rounds = 3;

test(
  "two cleaners and two joiners at sources that keep changing end with their last contents, every time",
  { timeout: 120_000 },
  async () => {
    await using closing = new AsyncDisposableStack();
    const pipeline = closing.use(await startPipeline({ services: false }));
    const workers = [...workerNames, "cleaner", "joiner"] as const;
    const children = workers.map((name) =>
      closing.use(startPlain(pipeline, name, { CONCURRENCY: "4", VISIBILITY_TIMEOUT_SECONDS: "5" })),
    );

    for (let round = 1; round <= rounds; round += 1) {
      // Each source goes through its contents while the last ones are in hand, with a removal on the way; every message comes twice.
      await Promise.all(
        keys.map(async (key, at) => {
          for (let version = 1; version <= 4 + at; version += 1) {
            const last = round * 100 + version;
            if (version === 3) await pipeline.remove(key);
            await pipeline.put(
              key,
              fileOf([countries[last % 4] ?? "BE", last], [countries[version % 4] ?? "BE", -999]),
            );
            await pipeline.look(key);
            await allTaken(pipeline);
          }
        }),
      );
      await untilQuiet(pipeline, workerNames);

      const rows = await pipeline.rows("select value, country from {gold} order by value");
      const last = keys.map((_, at) => round * 100 + 4 + at);
      expect(rows).toEqual(last.map((value) => ({ value, country: countries[value % 4] })));
      expect(await pipeline.unnamed()).toEqual([]);
      expect(await unregistered(pipeline, keys)).toEqual([]);
    }

    const generations = await Promise.all(
      keys.map(async (key) => (await pipeline.manifest("cleaner", key))?.generation ?? 0),
    );
    // Otherwise nobody raced.
    expect(Math.min(...generations)).toBeGreaterThan(2 * rounds);
    expect(children.map((child) => child.log()).join("")).not.toContain('"reason":"unexpected"');
  },
);

/** Waits until every message about a source is in somebody's hand. */
async function allTaken({ lake, queues }: Pipeline): Promise<void> {
  const command = new GetQueueAttributesCommand({ QueueUrl: queues.clean.url, AttributeNames: ["All"] });
  const visible = async () => (await lake.sqs.send(command)).Attributes?.ApproximateNumberOfMessages;
  await expect.poll(visible, { timeout: 30_000, interval: 2 }).toBe("0");
}

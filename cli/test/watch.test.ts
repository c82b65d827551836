import { ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { describe, expect, test } from "vitest";

import { createWatch, keysOf } from "../src/watch.ts";

const source = { bucket: "raw", key: "openaq/a b.csv" };

function settled(service: string, fields: object): string {
  return `${JSON.stringify({ level: 30, service, msg: "message settled", outcome: "done", ...fields })}\n`;
}

describe("a watch over the services", () => {
  test("knows the source of every message: own pointers, S3's events, requests; and none of what is no message", () => {
    const record = {
      eventSource: "aws:s3",
      eventName: "ObjectCreated:Put",
      s3: { bucket: { name: "raw" }, object: { key: "openaq/a+b.csv" } },
    };
    const bodies = [
      { contract: "source-changed/1", source, correlationId: "c" },
      { contract: "clean-ready/1", source, correlationId: "c" },
      { contract: "partitions-changed/1", source, dataset: "openaq", partitions: [], correlationId: "c" },
      {
        contract: "ingest-request/1",
        connector: "object",
        from: "https://x.example/a",
        to: source,
        unsigned: false,
        correlationId: "c",
      },
      { Records: [record] },
    ];

    for (const body of bodies) expect(keysOf({ Body: JSON.stringify(body) })).toEqual(["openaq/a b.csv"]);
    expect(["", "{", "[]", `{"Event":"s3:TestEvent"}`].flatMap((Body) => keysOf({ Body }))).toEqual([]);
  });

  test("counts what is in hand, what failed and what was settled since", async () => {
    const watch = createWatch();
    const message = {
      MessageId: "m1",
      Body: JSON.stringify({ contract: "clean-ready/1", source, correlationId: "c" }),
    };
    const sqs = watch.watched({ send: async () => ({ Messages: [message] }) } as never);
    await sqs.send(new ReceiveMessageCommand({ QueueUrl: "q" }));
    const inHand = watch.inHand();

    watch.sink.write(
      `${JSON.stringify({ level: 50, service: "joiner", msg: "message failed", messageId: "m1", receiveCount: 2, err: { message: "no room", code: "ENOSPC" } })}\n`,
    );
    const failed = watch.failed();
    watch.sink.write(settled("joiner", { messageId: "m1", key: source.key, rowsRead: 7 }));

    expect(inHand).toBe(1);
    expect(failed).toEqual([{ messageId: "m1", keys: [source.key], receives: 2, error: "no room", code: "ENOSPC" }]);
    expect(watch.failed()).toEqual([]);
    expect(watch.inHand()).toBe(0);
    expect([...watch.settledKeys()]).toEqual([source.key]);
  });

  test("adds up the records that the cleaner read, and hands warnings on", () => {
    const warnings: string[] = [];
    const watch = createWatch({ onWarning: (line) => void warnings.push(line) });

    watch.sink.write(settled("cleaner", { key: "a", rowsRead: 5 }));
    watch.sink.write(settled("joiner", { key: "a", rowsRead: 5 }));
    watch.sink.write(settled("cleaner", { key: "b", outcome: "rejected", level: 40 }));
    watch.sink.write("no JSON at all\n");

    expect(watch.recordsRead()).toBe(5);
    expect([...watch.settledKeys()]).toEqual(["a", "b"]);
    expect(warnings).toHaveLength(1);
  });
});

import { expect, test } from "vitest";

import { parse } from "../src/parse.ts";

const record = (key: string): object => ({
  eventSource: "aws:s3",
  eventName: "ObjectCreated:Put",
  s3: { bucket: { name: "raw" }, object: { key } },
});
const parsed = (body: object): ReturnType<typeof parse> => parse({ MessageId: "m", Body: JSON.stringify(body) });
const pointer = (key: string): object => ({
  contract: "source-changed/1",
  source: { bucket: "raw", key },
  correlationId: "c",
});

test("takes an event with a thousand records, and says of one with more why it does not", () => {
  const records = Array.from({ length: 1001 }, (_, at) => record(`openaq/${at}.csv`));

  expect(parsed({ Records: records.slice(1) })).toMatchObject({ kind: "split", sources: { length: 1000 } });
  expect(parsed({ Records: records })).toEqual({
    kind: "unreadable",
    detail: expect.stringContaining("at most 1000 records"),
  });
});

test("takes keys of 1,024 bytes, as S3 does, and says of longer ones why it does not", () => {
  const longest = `openaq/${"é".repeat(508)}y`;

  expect(Buffer.byteLength(longest)).toBe(1024);
  expect(parsed({ Records: [record(encodeURIComponent(longest))] })).toMatchObject({ kind: "look" });
  expect(parsed(pointer(longest))).toMatchObject({ kind: "look" });
  expect(parsed({ Records: [record("openaq/a.csv"), record(`${encodeURIComponent(longest)}z`)] })).toEqual({
    kind: "unreadable",
    detail: "the event names a key of more than 1024 bytes, which S3 cannot have",
  });
  expect(parsed(pointer(`${longest}z`))).toMatchObject({ kind: "unreadable" });
});

import fc from "fast-check";
import { expect, test } from "vitest";

import { decodeEventKey, readS3Event } from "../../src/contracts/s3-event.ts";
import { encodeEventKey } from "../../src/embedded/event-key.ts";

const record = (key: string, bucket = "raw"): object => ({
  eventSource: "aws:s3",
  eventName: "ObjectCreated:Put",
  s3: { bucket: { name: bucket }, object: { key } },
});

test("an event's key is form-encoded: a plus is a space", () => {
  expect(readS3Event({ Records: [record("openaq/a+b%2Bc%3Dd.csv")] })).toEqual([
    { bucket: "raw", key: "openaq/a b+c=d.csv" },
  ]);
});

test("an event names as many sources as it has records", () => {
  expect(readS3Event({ Records: [record("a/1"), record("a/2")] })).toHaveLength(2);
});

test("an event can come wrapped by SNS", () => {
  const wrapped = { Type: "Notification", Message: JSON.stringify({ Records: [record("a/1")] }) };

  expect(readS3Event(wrapped)).toEqual([{ bucket: "raw", key: "a/1" }]);
});

test("EventBridge's keys are not encoded", () => {
  const event = {
    source: "aws.s3",
    "detail-type": "Object Created",
    detail: { bucket: { name: "raw" }, object: { key: "a/1+2 %41" } },
  };

  expect(readS3Event(event)).toEqual([{ bucket: "raw", key: "a/1+2 %41" }]);
});

test("S3's test event is told apart", () => {
  expect(readS3Event({ Service: "Amazon S3", Event: "s3:TestEvent", Bucket: "raw" })).toBe("test");
});

test.each([{}, [], null, 5, "x", { Records: [] }, { Records: [{ eventSource: "aws:other" }] }])(
  "%j is no S3 event",
  (json) => {
    expect(readS3Event(json)).toBeUndefined();
  },
);

test("every key survives the way into an event and back", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", minLength: 1 }).filter((key) => key.isWellFormed()),
      (key) => {
        expect(decodeEventKey(encodeEventKey(key))).toBe(key);
      },
    ),
  );
});

test("no JSON value makes the reader throw, except a key whose escapes are broken", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      expect(() => readS3Event(json)).not.toThrow();
    }),
  );
  expect(() => readS3Event({ Records: [record("%E0%A4%A")] })).toThrow(URIError);
});

import { assert, constant, json, object, oneof, property, record, string, webUrl } from "fast-check";
import { expect, test } from "vitest";

import { type Command, parse } from "../src/parse.ts";

const request = {
  contract: "ingest-request/1",
  connector: "object",
  from: "https://example.org/day.csv.gz",
  to: { bucket: "raw", key: "openaq/day.csv.gz" },
  unsigned: false,
  correlationId: "story-1",
};

function parsed(body: unknown): Command {
  return parse({ Body: typeof body === "string" ? body : JSON.stringify(body) });
}

function eventOf(key: string): unknown {
  return {
    Records: [
      { eventSource: "aws:s3", eventName: "ObjectCreated:Put", s3: { bucket: { name: "b" }, object: { key } } },
    ],
  };
}

test("reads a request for a URL", () => {
  const from = "https://example.org:8443/a%20b/day.csv?X-Signature=secret#part";

  expect(parsed({ ...request, from })).toMatchObject({
    kind: "bring",
    request: {
      from: { kind: "url", url: new URL(from), shown: "https://example.org:8443/a%20b/day.csv" },
      to: { bucket: "raw", key: "openaq/day.csv.gz" },
      correlationId: "story-1",
    },
  });
});

test("reads a request for an object in S3, its key as it stands", () => {
  const from = "s3://open-data.2024/records/csv.gz/a%20b?c#d+e.csv";

  expect(parsed({ ...request, from, unsigned: true })).toMatchObject({
    kind: "bring",
    request: {
      from: {
        kind: "s3",
        bucket: "open-data.2024",
        key: "records/csv.gz/a%20b?c#d+e.csv",
        unsigned: true,
        shown: from,
      },
    },
  });
});

test.each([
  "https://user:secret@example.org/day.csv",
  "https://user@example.org/day.csv",
  "http://[::1/day.csv",
  "s3://bucket",
  "s3://bucket/",
  "s3:///key",
  "s3://UPPER/key",
  "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/one/key",
  "s3://user@bucket/key",
])("refuses the address %s, and keeps its secret", (from) => {
  const command = parsed({ ...request, from });

  expect(command).toMatchObject({ kind: "unreadable", reason: "bad-address" });
  expect(JSON.stringify(command)).not.toContain("secret");
});

test.each(["file:///etc/passwd", "ftp://example.org/day.csv", "gopher://example.org/", "http://", "s3://", "day.csv"])(
  "finds no address in %s",
  (from) => {
    expect(parsed({ ...request, from })).toMatchObject({ kind: "unreadable", reason: "unreadable-message" });
  },
);

test("takes keys of 1,024 bytes and addresses of 8,192 characters, and says what is too long", () => {
  const keyOf = (bytes: number): string => `openaq/${"é".repeat((bytes - 8) / 2)}y`;
  const addressOf = (length: number): string => "https://example.org/".padEnd(length, "x");
  const ask = (key: string, from: string) => parsed({ ...request, from, to: { bucket: "raw", key } });

  expect(ask(keyOf(1024), addressOf(8192))).toMatchObject({ kind: "bring" });
  expect(ask(keyOf(1026), addressOf(8192))).toMatchObject({
    reason: "unreadable-message",
    detail: expect.stringContaining("to.key: a key has at most 1024 bytes"),
  });
  expect(ask(keyOf(1024), addressOf(8193))).toMatchObject({
    reason: "unreadable-message",
    detail: expect.stringContaining("from: "),
  });
});

test("names what is wrong with a request", () => {
  const { unsigned: _, ...lacking } = request;

  expect(parsed({ ...lacking, connector: "ftp" })).toMatchObject({
    reason: "unreadable-message",
    detail: expect.stringMatching(/connector: .*unsigned: /s),
  });
});

test("says of an S3 event that nothing takes it, even with a key that is no text", () => {
  expect(parsed(eventOf("a.csv"))).toMatchObject({ kind: "unreadable", reason: "no-connector" });
  expect(parsed(eventOf("%ZZ"))).toMatchObject({ kind: "unreadable", reason: "no-connector" });
  expect(parsed({ Type: "Notification", Message: JSON.stringify(eventOf("a.csv")) })).toMatchObject({
    reason: "no-connector",
  });
});

test("skips S3's test event", () => {
  expect(parsed({ Event: "s3:TestEvent" })).toEqual({ kind: "skipped", reason: "s3-test-event" });
});

test("never throws, whatever comes", () => {
  const bodies = oneof(
    string(),
    json(),
    record({ contract: constant("ingest-request/1"), from: webUrl(), to: object() }),
    string().map((from) => JSON.stringify({ ...request, from: `s3://${from}` })),
    string().map((from) => JSON.stringify({ ...request, from: `https://${from}` })),
  );

  assert(
    property(bodies, (body) => {
      expect(["bring", "skipped", "unreadable"]).toContain(parsed(body).kind);
    }),
  );
});

import { randomBytes } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { patience } from "@airlake/shared/clients";
import { TransientError } from "@airlake/shared/errors";
import { type Emulator, containerReason, localStackImage, startLocalStack } from "@airlake/shared/testing/containers";
import { createSourceS3, openS3 } from "../src/fetch-s3.ts";
import type { Refusal, Rest, SourceBody } from "../src/source-body.ts";
import { etagOf, sendFile, startSourceServer } from "./source-server.ts";

const body = Buffer.from("location,value\nGhent,12\n");

beforeAll(() => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});
afterAll(() => vi.unstubAllEnvs());

interface Asked {
  readonly unsigned?: boolean;
  readonly rest?: Rest;
  readonly isLakeOnAws?: boolean;
}

async function ask(endpoint: string, key: string, asked: Asked = {}): Promise<SourceBody | Refusal> {
  const { unsigned = false, isLakeOnAws = true, rest } = asked;
  using s3 = createSourceS3({ region: "us-east-1", endpoint });
  const address = { kind: "s3", bucket: "open-data", key, unsigned, shown: `s3://open-data/${key}` } as const;
  const answer = await openS3(s3.clientFor(unsigned), address, { isLakeOnAws })(rest, AbortSignal.timeout(20_000));
  // Before the clients close.
  if (answer.kind === "body") bodies.set(answer, await buffer(answer.stream));
  return answer;
}

const bodies = new WeakMap<SourceBody | Refusal, Buffer>();

function answerError(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/xml", ...headers });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}.</Message></Error>`);
}

/** S3's way with a rest: If-Match, and 412 where the object is another. */
const answerObject: RequestListener = (request, response) => {
  const wanted = request.headers["if-match"];
  if (wanted !== undefined && wanted !== etagOf(body)) return answerError(response, 412, "PreconditionFailed");
  request.headers["if-range"] = wanted;
  return sendFile(request, response, body);
};

function scopeOf(request: IncomingMessage | undefined): string {
  return /Credential=([^,]+)/.exec(request?.headers.authorization ?? "")?.[1] ?? "none";
}

test("reads an object with the credentials of the environment", async () => {
  await using server = await startSourceServer(answerObject);

  const answer = await ask(server.url, "a/b c+d%20e.csv");

  expect(answer).toMatchObject({ kind: "body", offset: 0, totalBytes: body.length, validator: etagOf(body) });
  expect(bodies.get(answer)).toEqual(body);
  expect(server.requests[0]?.url).toBe("/open-data/a/b%20c%2Bd%2520e.csv?x-id=GetObject");
  expect(scopeOf(server.requests[0])).toMatch(/^test\/\d+\/us-east-1\/s3\/aws4_request$/);
});

test("reads a public object without credentials, and sends none", async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "");
  await using server = await startSourceServer(answerObject);

  const answer = await ask(server.url, "day.csv", { unsigned: true }).finally(() => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  });

  expect(bodies.get(answer)).toEqual(body);
  expect(server.requests[0]?.headers).not.toHaveProperty("authorization");
});

test.each([false, true])("follows a bucket to its region (unsigned: %s)", async (unsigned) => {
  await using server = await startSourceServer((request, response) => {
    if (server.requests.length > 1) return answerObject(request, response);
    return answerError(response, 301, "PermanentRedirect", { "x-amz-bucket-region": "eu-west-1" });
  });

  const answer = await ask(server.url, "day.csv", { unsigned });

  expect(bodies.get(answer)).toEqual(body);
  expect(scopeOf(server.requests[1])).toMatch(unsigned ? /^none$/ : /\/eu-west-1\/s3\//);
});

test("has an end to its patience with a source", async () => {
  await using server = await startSourceServer(answerObject);
  using s3 = createSourceS3({ region: "us-east-1", endpoint: server.url });
  const client = s3.clientFor(true) as S3Client;

  const answer = await client.send(new GetObjectCommand({ Bucket: "open-data", Key: "day.csv" }));

  expect(await answer.Body?.transformToString()).toBe(body.toString());
  // The SDK's own, which its types leave out; it knows its settings only when it has been used.
  const handler = client.config.requestHandler as unknown as { httpHandlerConfigs(): object };
  expect(handler.httpHandlerConfigs()).toMatchObject(patience);
});

test("asks for the rest of the same object, and takes the whole of another", async () => {
  await using server = await startSourceServer(answerObject);

  const same = await ask(server.url, "day.csv", { rest: { offset: 9, validator: etagOf(body) } });
  const changed = await ask(server.url, "day.csv", { rest: { offset: 9, validator: '"another"' } });

  expect(same).toMatchObject({ offset: 9, totalBytes: body.length });
  expect(bodies.get(same)).toEqual(body.subarray(9));
  expect(changed).toMatchObject({ offset: 0, totalBytes: body.length });
  expect(bodies.get(changed)).toEqual(body);
});

test.each([
  [404, "NoSuchKey", "source-not-found"],
  [404, "NoSuchBucket", "source-not-found"],
  [403, "AccessDenied", "source-forbidden"],
  [403, "InvalidObjectState", "source-forbidden"],
  [400, "InvalidRequest", "source-refused"],
])("takes S3's %i %s for a refusal: %s", async (status, code, reason) => {
  await using server = await startSourceServer((_request, response) => answerError(response, status, code));

  const answer = await ask(server.url, "day.csv");

  expect(answer).toMatchObject({ kind: "refused", reason, detail: expect.stringContaining(code) });
});

test.each([
  [503, "SlowDown"],
  [500, "InternalError"],
  [400, "ExpiredToken"],
])("takes S3's %i %s for a trouble that passes", async (status, code) => {
  await using server = await startSourceServer((_request, response) => answerError(response, status, code));

  await expect(ask(server.url, "day.csv")).rejects.toThrow(TransientError);
});

describe("without credentials", () => {
  beforeAll(() => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]) vi.stubEnv(name, "");
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    vi.stubEnv("AWS_CONFIG_FILE", "/nonexistent");
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
  });

  test("says so where the lake itself needs none", async () => {
    await using server = await startSourceServer(answerObject);

    const answer = await ask(server.url, "day.csv", { isLakeOnAws: false });

    expect(answer).toMatchObject({ reason: "source-forbidden", detail: expect.stringContaining("unsigned") });
    expect(server.requests).toHaveLength(0);
  });

  test("waits for them where the lake itself is on AWS, so that they were there a moment ago", async () => {
    await using server = await startSourceServer(answerObject);

    await expect(ask(server.url, "day.csv")).rejects.toThrow(TransientError);
  });
});

const reason = containerReason(localStackImage);

describe.skipIf(reason !== undefined)(`on LocalStack${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  let localStack: Emulator;
  const large = randomBytes(200_000);

  beforeAll(async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
    localStack = await startLocalStack();
    const s3 = new S3Client({ ...localStack.clientConfig, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: "open-data" }));
    await s3.send(new PutObjectCommand({ Bucket: "open-data", Key: "a b/day.csv", Body: large }));
    s3.destroy();
  }, 200_000);
  afterAll(async () => localStack[Symbol.asyncDispose]());

  test.each([false, true])("brings an object and its rest (unsigned: %s)", async (unsigned) => {
    const whole = await ask(localStack.endpoint, "a b/day.csv", { unsigned });
    const rest = { offset: 150_000, validator: etagOf(large) };
    const end = await ask(localStack.endpoint, "a b/day.csv", { unsigned, rest });

    expect(bodies.get(whole)).toEqual(large);
    expect(whole).toMatchObject({ totalBytes: 200_000, validator: etagOf(large) });
    expect(bodies.get(end)).toEqual(large.subarray(150_000));
    expect(end).toMatchObject({ offset: 150_000, totalBytes: 200_000 });
  });

  test("begins anew where the object is another, and says what is not there", async () => {
    const rest = { offset: 150_000, validator: '"another"' };

    expect(await ask(localStack.endpoint, "a b/day.csv", { rest })).toMatchObject({ offset: 0, totalBytes: 200_000 });
    expect(await ask(localStack.endpoint, "nowhere")).toMatchObject({ reason: "source-not-found" });
  });
});

import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";

import { TransientError } from "@airlake/shared/errors";
import { type UrlSettings, openUrl } from "../src/fetch-url.ts";
import type { ResolveAll } from "../src/private-addresses.ts";
import type { Refusal, Rest, SourceBody } from "../src/source-body.ts";
import { etagOf, sendFile, startSourceServer } from "./source-server.ts";

const body = Buffer.from("location,value\nGhent,12\n");

/** 127.0.0.1 stands for the open internet here, every other address for a private network. */
const settings: UrlSettings = {
  resolve: lookup,
  mayReach: (address) => address === "127.0.0.1",
  userAgent: "airlake/test",
};

/** Gives one answer after the other, the last one for ever, and counts. */
function resolving(...answers: readonly string[]): { readonly resolve: ResolveAll; readonly asked: string[] } {
  const asked: string[] = [];
  const resolve: ResolveAll = (hostname, _options, callback) => {
    const address = answers[Math.min(asked.length, answers.length - 1)] ?? "";
    asked.push(hostname);
    const found: LookupAddress[] = address
      .split(" ")
      .map((one) => ({ address: one, family: one.includes(":") ? 6 : 4 }));
    queueMicrotask(() => callback(null, found));
  };
  return { resolve, asked };
}

async function ask(
  url: string,
  { rest, ...changed }: Partial<UrlSettings> & { readonly rest?: Rest } = {},
): Promise<SourceBody | Refusal> {
  return openUrl({ ...settings, ...changed }, new URL(url))(rest, AbortSignal.timeout(20_000));
}

async function bytesOf(answer: SourceBody | Refusal): Promise<Buffer> {
  if (answer.kind === "refused") throw new Error(answer.detail);
  return buffer(answer.stream);
}

test("asks for the bytes as they are, and passes them on with their length and ETag", async () => {
  await using server = await startSourceServer((request, response) => sendFile(request, response, body));

  const answer = await ask(`${server.url}/day.csv?x=1`);

  expect(answer).toMatchObject({ kind: "body", offset: 0, totalBytes: body.length, validator: etagOf(body) });
  expect(await bytesOf(answer)).toEqual(body);
  expect(server.requests[0]).toMatchObject({ url: "/day.csv?x=1", method: "GET" });
  expect(server.requests[0]?.headers).toMatchObject({ "accept-encoding": "identity", "user-agent": "airlake/test" });
  expect(server.requests[0]?.headers).not.toHaveProperty("authorization");
});

test("keeps a gzip coding as it was sent, and refuses others", async () => {
  await using server = await startSourceServer((request, response) => {
    response.writeHead(200, { "content-encoding": request.url?.slice(1) }).end(body);
  });

  expect(await bytesOf(await ask(`${server.url}/gzip`))).toEqual(body);
  expect(await bytesOf(await ask(`${server.url}/identity`))).toEqual(body);
  expect(await ask(`${server.url}/br`)).toMatchObject({ reason: "unsupported-encoding" });
  expect(await ask(`${server.url}/deflate`)).toMatchObject({ reason: "unsupported-encoding" });
});

test.each([
  [404, "source-not-found"],
  [410, "source-not-found"],
  [401, "source-forbidden"],
  [403, "source-forbidden"],
  [451, "source-forbidden"],
  [400, "source-refused"],
  [405, "source-refused"],
  [204, "source-refused"],
  [206, "source-refused"],
  [304, "source-refused"],
])("takes HTTP %i for a refusal: %s", async (status, reason) => {
  await using server = await startSourceServer((_request, response) => void response.writeHead(status).end());

  const answer = await ask(`${server.url}/day.csv?signature=secret`);

  expect(answer).toMatchObject({ kind: "refused", reason, detail: expect.stringContaining("/day.csv") });
  expect(JSON.stringify(answer)).not.toContain("secret");
});

test.each([408, 425, 429, 500, 502, 503, 504])("takes HTTP %i for a trouble that passes", async (status) => {
  await using server = await startSourceServer((_request, response) => void response.writeHead(status).end());

  await expect(ask(`${server.url}/day.csv`)).rejects.toThrow(TransientError);
});

test("takes a server that is not there, and one that does not speak HTTP, for a trouble that passes", async () => {
  await using server = await startSourceServer((_request, response) => {
    response.socket?.end("SMTP READY\r\n\r\n");
  });
  const gone = await startSourceServer(() => {});
  await gone[Symbol.asyncDispose]();

  await expect(ask(`${gone.url}/day.csv?signature=secret`)).rejects.toThrow(/^(?!.*secret).*could not be reached/);
  await expect(ask(server.url)).rejects.toThrow(TransientError);
});

test("follows redirects, relative ones too, and keeps no query in its words", async () => {
  await using server = await startSourceServer((request, response) => {
    if (request.url === "/start") response.writeHead(302, { location: "next?signature=secret" }).end();
    else if (request.url?.startsWith("/next")) response.writeHead(307, { location: `${server.url}/file` }).end();
    else sendFile(request, response, body);
  });

  expect(await bytesOf(await ask(`${server.url}/start`))).toEqual(body);
  expect(server.requests.map((request) => request.url)).toEqual(["/start", "/next?signature=secret", "/file"]);
});

test("follows five redirects and no sixth", async () => {
  await using server = await startSourceServer((request, response) => {
    const left = Number(request.url?.slice(1));
    if (left === 0) sendFile(request, response, body);
    else response.writeHead(301, { location: `/${left - 1}` }).end();
  });

  expect(await bytesOf(await ask(`${server.url}/5`))).toEqual(body);
  expect(await ask(`${server.url}/6`)).toMatchObject({ kind: "refused", reason: "bad-redirect" });
});

test.each([
  "file:///etc/passwd",
  "s3://bucket/key",
  "ftp://127.0.0.1/",
  "http://user:secret@127.0.0.1/",
  "http://[::1",
  undefined,
])("refuses a redirect to %s", async (location) => {
  await using server = await startSourceServer((_request, response) => {
    response.writeHead(302, location === undefined ? {} : { location }).end();
  });

  const answer = await ask(server.url);

  expect(answer).toMatchObject({ kind: "refused", reason: "bad-redirect" });
  expect(JSON.stringify(answer)).not.toContain("secret");
});

test.each([
  "http://127.0.0.2/latest/meta-data",
  "http://2130706434/",
  "http://0x7f.0.0.2/",
  "http://0177.0.0.2/",
  "http://[::1]/",
  "http://[::ffff:7f00:2]/",
  "http://169.254.169.254/latest/meta-data",
  "//169.254.169.254/latest",
])("refuses a redirect to the private address %s without connecting", async (location) => {
  await using server = await startSourceServer((_request, response) => {
    response.writeHead(302, { location }).end();
  });

  expect(await ask(server.url)).toMatchObject({ kind: "refused", reason: "private-address" });
  expect(server.requests).toHaveLength(1);
});

test("refuses a name that leads to a private address, be it one among others", async () => {
  await using server = await startSourceServer((request, response) => sendFile(request, response, body));
  const url = `http://rebind.example:${server.port}/`;

  expect(await ask(url, resolving("127.0.0.2"))).toMatchObject({ reason: "private-address" });
  expect(await ask(url, resolving("127.0.0.1 10.0.0.1"))).toMatchObject({ reason: "private-address" });
  expect(await ask(url, resolving("127.0.0.1 ::1"))).toMatchObject({ reason: "private-address" });
  expect(server.requests).toHaveLength(0);
});

test("connects to the very address that it looked at, and looks again at each redirect", async () => {
  await using server = await startSourceServer((_request, response) => {
    response.writeHead(302, { location: "/again" }).end();
  });
  const names = resolving("127.0.0.1", "169.254.169.254");

  const answer = await ask(`http://rebind.example:${server.port}/`, names);

  expect(answer).toMatchObject({ kind: "refused", reason: "private-address" });
  expect(server.requests).toHaveLength(1);
  expect(names.asked).toEqual(["rebind.example", "rebind.example"]);
});

test("asks for the rest of the same object, and takes the whole of another", async () => {
  const other = Buffer.from("something else");
  await using server = await startSourceServer((request, response) => {
    sendFile(request, response, request.url === "/other" ? other : body);
  });
  const rest = { offset: 9, validator: etagOf(body) };

  const same = await ask(`${server.url}/same`, { rest });
  const changed = await ask(`${server.url}/other`, { rest });

  expect(same).toMatchObject({ offset: 9, totalBytes: body.length, validator: etagOf(body) });
  expect(await bytesOf(same)).toEqual(body.subarray(9));
  expect(changed).toMatchObject({ offset: 0, totalBytes: other.length, validator: etagOf(other) });
  expect(await bytesOf(changed)).toEqual(other);
});

test.each([
  { "content-range": "bytes 8-23/24" },
  { "content-range": "bytes 9-23/*" },
  { "content-range": "lines 9-23/24" },
  {},
  { "content-range": "bytes 9-23/24", etag: '"another"' },
])("does not take another rest for the one it asked for: %o", async (headers) => {
  await using server = await startSourceServer((_request, response) => void response.writeHead(206, headers).end("x"));

  await expect(ask(server.url, { rest: { offset: 9, validator: etagOf(body) } })).rejects.toThrow(TransientError);
});

test("says that a host does not exist where the name service says so", async () => {
  const resolve: ResolveAll = (hostname, _options, callback) => {
    callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: "ENOTFOUND" }), []);
  };

  expect(await ask("http://mispelt.example/day.csv", { resolve })).toMatchObject({
    kind: "refused",
    reason: "source-not-found",
  });
});

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { expect, onTestFinished, test } from "vitest";

import { at, openAws, patience } from "../src/clients.ts";
import { isTransient } from "../src/errors.ts";

const endpoint = "http://127.0.0.1:9";

test("the clients of a lake have an end to their patience", async () => {
  await using clients = openAws({ s3: endpoint, sqs: endpoint, glue: undefined });
  const [s3, sqs] = [clients.s3, clients.sqs].map((client) => handlerOf(client));
  // A handler knows its settings only when it has been used.
  await Promise.allSettled([s3?.handle(request, {}), sqs?.handle(request, {})]);

  expect(s3?.httpHandlerConfigs()).toMatchObject(patience);
  expect(sqs?.httpHandlerConfigs()).toMatchObject(patience);
});

test("a store that takes a request and never answers is a trouble that passes", { timeout: 60_000 }, async () => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const settings = { region: "us-east-1", credentials: { accessKeyId: "a", secretAccessKey: "b" }, maxAttempts: 1 };
  const requestHandler = { ...patience, socketTimeout: 200 };
  const s3 = new S3Client({ ...at(`http://127.0.0.1:${port}`), ...settings, requestHandler, forcePathStyle: true });

  const error: unknown = await s3.send(new GetObjectCommand({ Bucket: "b", Key: "k" })).catch((one: unknown) => one);

  expect(error).toMatchObject({ name: "TimeoutError" });
  expect(isTransient(error)).toBe(true);
  s3.destroy();
});

interface Handler {
  handle(request: unknown, options: object): Promise<unknown>;
  httpHandlerConfigs(): object;
}

const request = { protocol: "http:", hostname: "127.0.0.1", port: 9, method: "GET", path: "/", headers: {}, query: {} };

/** The SDK's own, which our types leave out. */
function handlerOf(client: object): Handler {
  return (client as { readonly config: { readonly requestHandler: Handler } }).config.requestHandler;
}

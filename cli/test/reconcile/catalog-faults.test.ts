/** What reconcile says where the catalog on Glue refuses or is away: a fault of the lake, and no defect. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { systemClock } from "@airlake/shared/clock";
import { topologyOf } from "@airlake/shared/contracts/topology";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";

import { knownDatasets } from "../../src/datasets.ts";
import type { OpenedLake } from "../../src/opened-lake.ts";
import { openCatalogPartitions } from "../../src/reconcile/catalog-partitions.ts";

afterEach(() => vi.unstubAllEnvs());

/** What a look at the partitions ends with, where Glue answers so; where it answers nothing, the server is gone. */
async function lookFails(answer?: { readonly status: number; readonly type: string }): Promise<unknown> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(answer?.status ?? 500, { "content-type": "application/x-amz-json-1.1" });
    response.end(JSON.stringify({ __type: answer?.type, message: "no" }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = (): void => void server.close();
  if (answer === undefined) close();
  else onTestFinished(close);
  const settings = { AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
  const endpoints = { AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`, AWS_MAX_ATTEMPTS: "1" };
  for (const [name, value] of Object.entries({ ...settings, ...endpoints })) vi.stubEnv(name, value);
  const opened = { lake: undefined, shown: "aws:lake", clock: systemClock, topology: topologyOf("lake") };
  // No more is asked of the lake.
  using catalog = await openCatalogPartitions(opened as unknown as OpenedLake);
  const [dataset] = await knownDatasets();
  if (dataset === undefined) throw new Error("no dataset");
  return await catalog
    .list(dataset)
    .next()
    .catch((error: unknown) => error);
}

test("says who refuses", async () => {
  expect(await lookFails({ status: 400, type: "AccessDeniedException" })).toMatchObject({
    name: "CommandError",
    message: expect.stringMatching(/^The catalog of the lake aws:lake refuses: AccessDeniedException, says http:/),
  });
});

test("says who does not answer, or has too much to do", async () => {
  expect(await lookFails()).toMatchObject({
    name: "CommandError",
    message: expect.stringMatching(/does not answer \(ECONNREFUSED\)/),
  });
  expect(await lookFails({ status: 400, type: "ThrottlingException" })).toMatchObject({
    name: "CommandError",
    message: expect.stringMatching(/does not answer \(400 ThrottlingException\)/),
  });
});

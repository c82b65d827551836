/** What this version does with what a newer one has written, as while a new version is rolled out. */
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";

import { auditRecordSchema } from "../../src/contracts/audit.ts";
import { failureRecordSchema } from "../../src/contracts/failure.ts";
import { fuseSchema } from "../../src/contracts/fuse.ts";
import { manifestKey, sourceIdOf } from "../../src/contracts/keys.ts";
import { cleanReady, ingestRequest, partitionsChanged, sourceChanged } from "../../src/contracts/messages.ts";
import { TransientError } from "../../src/errors.ts";
import { blankManifest, committed, intended } from "../../src/stage/manifest-steps.ts";
import { createManifestStore } from "../../src/stage/manifest-store.ts";
import { createTestLake } from "../../src/testing/embedded-lake.ts";

const source = { bucket: "raw", key: "openaq/day.csv" };
const target = { source, sourceId: sourceIdOf(source), dataset: "openaq", correlationId: "c" };
const blank = blankManifest({ ...target, stage: "cleaner", workerVersion: "2" });
const step = {
  target,
  stage: "cleaner",
  deps: { workerVersion: "1" },
  fingerprint: { text: "f", rulePack: 1 },
} as const;

async function stored(manifest: object): Promise<Awaited<ReturnType<ReturnType<typeof createManifestStore>["read"]>>> {
  await using lake = await createTestLake();
  const Key = manifestKey("cleaner", "openaq", target.sourceId);
  await lake.s3.send(new PutObjectCommand({ Bucket: "ops", Key, Body: JSON.stringify(manifest) }));
  return await createManifestStore(lake.s3, "ops").read("cleaner", target);
}

test("keeps what it does not know of a manifest, as long as that is of the same commit", async () => {
  const rejection = { reason: "r", detail: "d", failureKey: "k", parked: false, replayIds: ["a", "b"] };
  const input = { identity: "e", sha256: "0" };

  const read = await stored({ ...blank, state: "rejected", rejection, input, seal: "x" });

  expect(read?.manifest).toMatchObject({ seal: "x", input, rejection });
  const part = { bucket: "silver", key: "p", partition: "" } as const;
  expect(intended(read?.manifest, { ...step, mine: [part] })).toMatchObject({ seal: "x", input, rejection });
});

test("says nothing of its own commit that only a newer version could say", async () => {
  const read = await stored({ ...blank, seal: "x", versions: [] });

  const next = committed(read?.manifest, {
    ...step,
    identity: { identity: "gone" },
    attempt: { id: "a", generation: 1, rulePack: 1, scratch: "", signal: new AbortController().signal },
    wanted: "gone",
    failureKey: undefined,
    replayId: undefined,
    at: new Date(0),
    tookMs: 1,
  });

  expect(Object.keys(next).toSorted()).toEqual(Object.keys(blank).toSorted());
});

test("hands back what is of a newer contract", async () => {
  await expect(stored({ ...blank, contract: "manifest/2" })).rejects.toThrow(TransientError);
});

test("passes by a field of a message that it does not know, and none that it needs", () => {
  const common = { source, correlationId: "c", priority: 1 };
  const request = {
    connector: "object",
    from: "https://example.org/a",
    to: source,
    unsigned: false,
    correlationId: "c",
  };

  expect(sourceChanged.safeParse({ contract: "source-changed/1", ...common }).success).toBe(true);
  expect(cleanReady.safeParse({ contract: "clean-ready/1", ...common }).success).toBe(true);
  const changed = { contract: "partitions-changed/1", dataset: "d", partitions: [], ...common };
  expect(partitionsChanged.safeParse(changed).success).toBe(true);
  expect(ingestRequest.safeParse({ contract: "ingest-request/1", ...request, priority: 1 }).success).toBe(true);
  expect(cleanReady.safeParse({ contract: "clean-ready/1", correlationId: "c" }).success).toBe(false);
  expect(cleanReady.safeParse({ contract: "clean-ready/2", ...common }).success).toBe(false);
});

test.each([
  [
    "a failure record",
    failureRecordSchema,
    {
      service: "s",
      reason: "r",
      detail: "d",
      errors: [],
      body: "",
      attributes: {},
      at: "",
      messageId: "",
      receiveCount: 1,
      workerVersion: "2",
      contract: "failure/1",
      parkedBy: "worker",
    },
  ],
  [
    "an audit record",
    auditRecordSchema,
    {
      contract: "audit/1",
      id: "i",
      action: "a",
      at: "",
      by: { user: "u" },
      filter: {},
      counts: {},
      items: [],
      outcome: "done",
      version: "2",
    },
  ],
  ["a fuse", fuseSchema, { contract: "fuse/1", dataset: "d", recent: {}, sources: null, blown: null, pass: null }],
])("keeps what it does not know of %s", (_what, schema, record) => {
  const newer = { ...record, news: { deep: true } };

  expect(schema.parse(newer)).toEqual(newer);
});

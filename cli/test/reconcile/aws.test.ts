import { CreateMultipartUploadCommand, DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { loadConfig } from "@airlake/catalog-sync/config";
import { openGlue } from "@airlake/catalog-sync/operate";
import { start } from "@airlake/catalog-sync/start";
import { systemClock } from "@airlake/shared/clock";
import { manifestKey, sourceIdOf } from "@airlake/shared/contracts/keys";
import { manifestSchema } from "@airlake/shared/contracts/manifest";
import { tablesOf } from "@airlake/shared/contracts/tables";
import { createLogger } from "@airlake/shared/logger";
import { containerReason, localStackImage, motoImage, startMoto } from "@airlake/shared/testing/containers";
import { describe, expect, test, vi } from "vitest";

import { knownDatasets } from "../../src/datasets.ts";
import { datasetsFolder } from "../../src/embedded.ts";
import { openAnyLake } from "../../src/opened-lake.ts";
import { getObject } from "../../src/reconcile/collect.ts";
import { json } from "../airlake.ts";
import { startEmulated } from "../aws/emulated-lake.ts";
import { inProcess } from "../in-process.ts";
import type { Told } from "./reconciled-lake.ts";
import { fileOf } from "./reconciled-lake.ts";

const reason = containerReason(localStackImage) ?? containerReason(motoImage);
const log = createLogger("test", { level: "silent", version: "" });
const waiting = { timeout: 150_000, interval: 1000 };

describe.skipIf(reason !== undefined)(
  `reconcile on AWS's own APIs${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    test("finds and mends what is off in buckets, queues and Glue", { timeout: 600_000 }, async () => {
      await using closing = new AsyncDisposableStack();
      const emulated = closing.use(await startEmulated());
      const moto = closing.use(await startMoto());
      process.env["AWS_ENDPOINT_URL_GLUE"] = moto.endpoint;
      closing.defer(() => void delete process.env["AWS_ENDPOINT_URL_GLUE"]);
      const lake = closing.use(await emulated.newLake("mended"));
      const { buckets, queues } = lake.topology;
      for (const role of ["clean", "join"] as const) closing.use(await lake.start(role));
      const settings = loadConfig({
        QUEUE: queues.catalog.name,
        DEAD_LETTER_QUEUE: queues.catalog.deadLetterName,
        SILVER_BUCKET: buckets.silver,
        GOLD_BUCKET: buckets.gold,
        OPS_BUCKET: buckets.ops,
        DATASETS_FOLDER: datasetsFolder(),
        CATALOG: "glue",
        AWS_ENDPOINT_URL: emulated.endpoint,
        AWS_ENDPOINT_URL_GLUE: moto.endpoint,
        AWS_REGION: "us-east-1",
      });
      closing.use(await start(settings, { s3: lake.s3, sqs: lake.sqs, log, clock: systemClock }));
      const reconcile = async (...args: readonly string[]) => {
        const ran = await inProcess(["reconcile", "--json", ...args, "--lake", lake.shown]);
        return { ...(json(ran) as Omit<Told, "code">), code: ran.code };
      };
      const isWhole = async (manifests: number) => {
        const told = await reconcile("--grace", "0");
        expect(told).toMatchObject({ code: 0, looked: { manifests, queued: 0, partitions: 1 } });
      };
      for (const name of ["a", "b"])
        await lake.s3.send(
          new PutObjectCommand({ Bucket: buckets.raw, Key: `openaq/${name}.csv`, Body: fileOf(name) }),
        );
      await vi.waitFor(async () => isWhole(4), waiting);

      await using opened = await openAnyLake(lake.shown, "read", systemClock);
      const sourceId = sourceIdOf({ bucket: buckets.raw, key: "openaq/a.csv" });
      const found = await getObject(opened, manifestKey("joiner", "openaq", sourceId));
      const [part] = manifestSchema.parse(JSON.parse(found?.text ?? "")).outputs;
      await lake.s3.send(new DeleteObjectCommand({ Bucket: buckets.gold, Key: part?.key }));
      await lake.s3.send(new CreateMultipartUploadCommand({ Bucket: buckets.raw, Key: "openaq/large.csv" }));
      await lake.s3.send(
        new DeleteObjectCommand({ Bucket: buckets.ops, Key: manifestKey("cleaner", "openaq", sourceId) }),
      );
      using glue = openGlue(moto.endpoint, log, systemClock);
      const [dataset] = await knownDatasets();
      const [table] = dataset === undefined ? [] : tablesOf(dataset, buckets);
      if (table === undefined) throw new Error("no table");
      await glue.drop(table, ["country=BE/year=2018/month=02"]);
      await glue.ensurePartitions(table, ["country=BE/year=1999/month=01"]);
      const told = await reconcile("--grace", "0", "--repair");
      await vi.waitFor(async () => isWhole(4), waiting);

      expect(told.code).toBe(1);
      expect(Object.keys(told.findings)).toEqual([
        "lost-manifest",
        "missing-part",
        "unregistered-partition",
        "empty-partition",
        "unfinished-upload",
      ]);
      expect(told.repairs.map(({ did }) => did)).toContain("upload given up");
    });
  },
);

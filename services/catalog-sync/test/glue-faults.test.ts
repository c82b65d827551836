/** What Glue says inside its answers, by a stand-in that answers as told: an emulator has no such faults. */
import {
  BatchCreatePartitionCommand,
  BatchGetPartitionCommand,
  BatchUpdatePartitionCommand,
  ConcurrentModificationException,
  type GlueClient,
  GetDatabaseCommand,
  GetTableCommand,
  UpdateTableCommand,
} from "@aws-sdk/client-glue";
import { tablesOf } from "@airlake/shared/contracts/tables";
import { TransientError } from "@airlake/shared/errors";
import { pino } from "pino";
import { expect, test } from "vitest";

import { createGlueCatalog } from "../src/glue-catalog.ts";
import { partitionInput, tableInput } from "../src/glue-table.ts";
import { partitionsOf } from "../src/catalog.ts";
import { buckets, weather } from "./weather.ts";

const tables = tablesOf(weather("weather"), buckets);
const table = tables[0]!;
const paths = ["country=BE/year=2018", "country=FR/year=2018", "country=NA/year=2018"];

test("names every partition that was refused, and wants another try when each refusal may pass", async () => {
  const { catalog } = answering({
    BatchCreatePartitionCommand: [
      { Errors: [refusal("BE", "InternalServiceException", "try later"), refusal("NA", "OperationTimeoutException")] },
    ],
  });

  const adding = catalog.ensurePartitions(table, paths);

  await expect(adding).rejects.toThrow(TransientError);
  await expect(adding).rejects.toThrow(
    "2 partitions of weather.readings were refused: BE/2018: InternalServiceException (try later); NA/2018: OperationTimeoutException",
  );
});

test("wants no other try when one refusal will never pass", async () => {
  const { catalog } = answering({
    BatchCreatePartitionCommand: [
      { Errors: [refusal("BE", "InternalServiceException"), refusal("NA", "ResourceNumberLimitExceededException")] },
    ],
  });

  const error: unknown = await catalog.ensurePartitions(table, paths).catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(Error);
  expect(error).not.toBeInstanceOf(TransientError);
  expect(String(error)).toContain("NA/2018: ResourceNumberLimitExceededException");
});

test("asks for no more than 100 partitions a call", async () => {
  const { catalog, inputs } = answering({ BatchCreatePartitionCommand: [{}, {}, {}] });

  const counts = await catalog.ensurePartitions(
    table,
    Array.from({ length: 250 }, (_, at) => `country=BE/year=${1700 + at}`),
  );

  expect(counts).toEqual({ added: 250, known: 0 });
  expect(inputs["BatchCreatePartitionCommand"]).toMatchObject(
    [100, 100, 50].map((length) => ({ PartitionInputList: { length } })),
  );
});

test("does not take a refused partition for known", async () => {
  const { catalog, sent } = answering({
    BatchCreatePartitionCommand: [{ Errors: [refusal("BE", "InternalServiceException")] }, {}],
  });
  await catalog.ensurePartitions(table, paths).catch(() => {});

  const counts = await catalog.ensurePartitions(table, paths);

  expect(counts).toEqual({ added: 3, known: 0 });
  expect(sent.filter((name) => name === "BatchCreatePartitionCommand")).toHaveLength(2);
});

test("remembers a partition for a minute: then an operator may have dropped it, and it is registered again", async () => {
  let nowMs = 0;
  const answers = { BatchCreatePartitionCommand: [{}, {}] };
  const { catalog, sent } = answering(answers, { monotonicMs: () => nowMs });
  const ensure = async (atMs: number) => {
    nowMs = atMs;
    return catalog.ensurePartitions(table, paths);
  };

  const counts = [await ensure(0), await ensure(60_000), await ensure(60_001), await ensure(120_001)];

  expect(counts.map(({ added }) => added)).toEqual([3, 0, 3, 0]);
  expect(sent).toHaveLength(2);
});

test("asks again for the partitions that an answer left out", async () => {
  const [first, second] = partitionsOf(table, paths).map((partition) => partitionInput(table, partition));
  const { catalog, sent } = answering({
    BatchCreatePartitionCommand: [
      { Errors: [refusal("BE", "AlreadyExistsException"), refusal("FR", "AlreadyExistsException")] },
    ],
    BatchGetPartitionCommand: [
      { Partitions: [first], UnprocessedKeys: [{ Values: ["FR", "2018"] }] },
      { Partitions: [second], UnprocessedKeys: [] },
    ],
  });

  const counts = await catalog.ensurePartitions(table, paths.slice(0, 2));

  expect(counts).toEqual({ added: 0, known: 2 });
  expect(sent).toEqual(["BatchCreatePartitionCommand", "BatchGetPartitionCommand", "BatchGetPartitionCommand"]);
});

test("wants another try when an update inside the answer failed for the time being", async () => {
  const { catalog } = answering({
    BatchCreatePartitionCommand: [{ Errors: [refusal("BE", "AlreadyExistsException")] }],
    BatchGetPartitionCommand: [
      { Partitions: [{ Values: ["BE", "2018"], StorageDescriptor: { Location: "s3://old/" } }] },
    ],
    BatchUpdatePartitionCommand: [
      {
        Errors: [{ PartitionValueList: ["BE", "2018"], ErrorDetail: { ErrorCode: "ConcurrentModificationException" } }],
      },
    ],
  });

  const adding = catalog.ensurePartitions(table, paths.slice(0, 1));

  await expect(adding).rejects.toThrow(TransientError);
});

test("keeps what a person has added to a table when it updates that table", async () => {
  const found = {
    ...tableInput(table),
    Name: "readings",
    Description: "an older comment",
    Owner: "somebody",
    Parameters: { classification: "parquet", EXTERNAL: "TRUE", "projection.enabled": "false" },
    VersionId: "7",
  };
  const { catalog, inputs } = answering({ GetTableCommand: [{ Table: found }], UpdateTableCommand: [{}] });

  const counts = await catalog.ensureTables([table]);

  expect(counts).toEqual({ created: 0, updated: 1 });
  expect(inputs["UpdateTableCommand"]).toMatchObject([
    {
      VersionId: "7",
      TableInput: {
        Description: "One reading a row",
        Owner: "somebody",
        Parameters: { "projection.enabled": "false", classification: "parquet" },
      },
    },
  ]);
});

test("reads a table again when another worker has changed it meanwhile", async () => {
  const old = { ...tableInput(table), Name: "readings", Description: "old", VersionId: "1" };
  const conflict = new ConcurrentModificationException({ message: "changed", $metadata: {} });
  const { catalog, sent } = answering({
    GetTableCommand: [{ Table: old }, { Table: { ...tableInput(table), VersionId: "2" } }],
    UpdateTableCommand: [conflict],
  });

  const counts = await catalog.ensureTables([table]);

  expect(counts).toEqual({ created: 0, updated: 0 });
  expect(sent).toEqual(["GetDatabaseCommand", "GetTableCommand", "UpdateTableCommand", "GetTableCommand"]);
});

test("writes types and readers that Athena and Trino know", () => {
  const readings = tableInput(table);
  const sources = tableInput(tables.find(({ name }) => name === "sources")!);

  expect(readings.TableType).toBe("EXTERNAL_TABLE");
  expect(readings.Parameters).toEqual({ EXTERNAL: "TRUE", classification: "parquet" });
  expect(readings.StorageDescriptor?.Columns?.map(({ Name: name, Type: type }) => `${name} ${type}`)).toEqual([
    "source_id string",
    "source_record bigint",
    "format string",
    "place string",
    "at timestamp",
    "local_time timestamp",
    "celsius double",
    "flags array<string>",
  ]);
  expect(readings.PartitionKeys?.map(({ Name: name, Type: type }) => `${name} ${type}`)).toEqual([
    "country string",
    "year int",
  ]);
  expect(sources.StorageDescriptor?.SerdeInfo?.SerializationLibrary).toBe("org.openx.data.jsonserde.JsonSerDe");
  expect(sources.StorageDescriptor?.SerdeInfo?.Parameters?.["mapping.committed_at"]).toBe("committedAt");
  expect(sources.StorageDescriptor?.Columns?.find(({ Name: name }) => name === "counts")?.Type).toBe(
    "struct<read:bigint,kept:bigint,quarantined:bigint,reasons:map<string,bigint>,flags:map<string,bigint>>",
  );
});

const commands = {
  BatchCreatePartitionCommand,
  BatchGetPartitionCommand,
  BatchUpdatePartitionCommand,
  GetDatabaseCommand,
  GetTableCommand,
  UpdateTableCommand,
} as const;

/** A catalog on a Glue that gives these answers, each kind of call in its order. */
function answering(answers: Partial<Record<keyof typeof commands, unknown[]>>, clock = { monotonicMs: () => 0 }) {
  const sent: string[] = [];
  const inputs: Record<string, unknown[]> = {};
  const glue = {
    send: async (command: {
      readonly constructor: { readonly name: string };
      readonly input: unknown;
    }): Promise<unknown> => {
      const kind = Object.entries(commands).find(([, constructor]) => command instanceof constructor)?.[0] ?? "other";
      sent.push(kind);
      inputs[kind] = [...(inputs[kind] ?? []), command.input];
      const answer = kind === "GetDatabaseCommand" ? {} : answers[kind as keyof typeof commands]?.shift();
      if (answer === undefined) throw new Error(`no answer is left for ${kind}`);
      if (answer instanceof Error) throw answer;
      return answer;
    },
  } as Pick<GlueClient, "send">;
  return { catalog: createGlueCatalog({ glue, log: pino({ level: "silent" }), clock }), sent, inputs };
}

function refusal(country: string, code: string, message?: string): unknown {
  return { PartitionValues: [country, "2018"], ErrorDetail: { ErrorCode: code, ErrorMessage: message } };
}

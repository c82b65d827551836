/** Partitions in Glue: create, compare those that exist, update those that differ. Batches answer 200 with errors inside. */
import {
  BatchCreatePartitionCommand,
  BatchGetPartitionCommand,
  BatchUpdatePartitionCommand,
  type ErrorDetail,
  type GlueClient,
  type PartitionValueList,
  type Partition as StoredPartition,
} from "@aws-sdk/client-glue";
import type { TableDefinition } from "@airlake/shared/contracts/tables";
import { TransientError, isTransient } from "@airlake/shared/errors";

import type { Partition } from "./catalog.ts";
import { isSamePlace, partitionInput } from "./glue-table.ts";

export interface GlueCall {
  readonly glue: Pick<GlueClient, "send">;
  readonly options: { readonly abortSignal?: AbortSignal };
}

interface Failure {
  readonly values: readonly string[];
  readonly code: string;
  readonly message: string;
}

/** Glue's limits for one call. */
const writesPerCall = 100;
const readsPerCall = 1000;
/** How often keys that Glue left out of an answer are asked for again. */
const readTries = 5;

/** Brings these partitions in line; returns how many were new. Throws TransientError, or Error that names each that failed. */
export async function alignPartitions(
  call: GlueCall,
  table: TableDefinition,
  partitions: readonly Partition[],
): Promise<number> {
  const there: Partition[] = [];
  for (const batch of batchesOf(partitions, writesPerCall)) there.push(...(await create(call, table, batch)));
  for (const batch of batchesOf(there, readsPerCall)) await update(call, table, await differing(call, table, batch));
  return partitions.length - there.length;
}

/** Creates a batch; returns those that were there. */
async function create(
  call: GlueCall,
  table: TableDefinition,
  batch: readonly Partition[],
): Promise<readonly Partition[]> {
  const answer = await call.glue.send(
    new BatchCreatePartitionCommand({
      DatabaseName: table.database,
      TableName: table.name,
      PartitionInputList: batch.map((partition) => partitionInput(table, partition)),
    }),
    call.options,
  );
  const failures = (answer.Errors ?? []).map((error) => failureOf(error.PartitionValues, error.ErrorDetail));
  throwFailures(
    table,
    failures.filter(({ code }) => code !== "AlreadyExistsException"),
  );
  const values = new Set(failures.map((failure) => keyOf(failure.values)));
  return batch.filter((partition) => values.has(keyOf(partition.values)));
}

async function differing(
  call: GlueCall,
  table: TableDefinition,
  batch: readonly Partition[],
): Promise<readonly Partition[]> {
  const found = await read(call, table, batch);
  return batch.filter((partition) => {
    const stored = found.get(keyOf(partition.values));
    return !isSamePlace(partitionInput(table, partition).StorageDescriptor, stored?.StorageDescriptor);
  });
}

async function read(
  call: GlueCall,
  table: TableDefinition,
  batch: readonly Partition[],
): Promise<ReadonlyMap<string, StoredPartition>> {
  const found = new Map<string, StoredPartition>();
  let keys: PartitionValueList[] = batch.map((partition) => ({ Values: [...partition.values] }));
  for (let tries = 0; keys.length > 0; tries += 1) {
    if (tries === readTries)
      throw new TransientError(
        `Glue gives no answer about ${keys.length} partitions of ${table.database}.${table.name}`,
      );
    const request = { DatabaseName: table.database, TableName: table.name, PartitionsToGet: keys };
    const answer = await call.glue.send(new BatchGetPartitionCommand(request), call.options);
    for (const partition of answer.Partitions ?? []) found.set(keyOf(partition.Values ?? []), partition);
    keys = answer.UnprocessedKeys ?? [];
  }
  return found;
}

async function update(call: GlueCall, table: TableDefinition, partitions: readonly Partition[]): Promise<void> {
  for (const batch of batchesOf(partitions, writesPerCall)) {
    const answer = await call.glue.send(
      new BatchUpdatePartitionCommand({
        DatabaseName: table.database,
        TableName: table.name,
        Entries: batch.map((partition) => ({
          PartitionValueList: [...partition.values],
          PartitionInput: partitionInput(table, partition),
        })),
      }),
      call.options,
    );
    throwFailures(
      table,
      (answer.Errors ?? []).map((error) => failureOf(error.PartitionValueList, error.ErrorDetail)),
    );
  }
}

function failureOf(values: readonly string[] | undefined, detail: ErrorDetail | undefined): Failure {
  return { values: values ?? [], code: detail?.ErrorCode ?? "UnknownError", message: detail?.ErrorMessage ?? "" };
}

/** One error for all that failed: the message may come again only if each of them may pass. */
function throwFailures(table: TableDefinition, failures: readonly Failure[]): void {
  if (failures.length === 0) return;
  const named = failures.map(
    ({ values, code, message }) => `${values.join("/")}: ${code}${message === "" ? "" : ` (${message})`}`,
  );
  const text = `${failures.length} partitions of ${table.database}.${table.name} were refused: ${named.join("; ")}`;
  throw failures.every(({ code }) => mayPass(code)) ? new TransientError(text) : new Error(text);
}

/** Whether the code of an error inside an answer is one that an error of its own would be retried for. */
function mayPass(code: string): boolean {
  // Somebody dropped a partition between the look at it and its update: the next try creates it.
  return code === "EntityNotFoundException" || isTransient(Object.assign(new Error(code), { name: code }));
}

function keyOf(values: readonly string[]): string {
  return values.join("/");
}

function batchesOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

/** Which partitions Glue has of a table, and taking away those that have no parts. */
import { BatchDeletePartitionCommand, EntityNotFoundException, GetPartitionsCommand } from "@aws-sdk/client-glue";
import { partitionValues } from "@airlake/shared/contracts/keys";
import type { TableDefinition } from "@airlake/shared/contracts/tables";

import type { GlueCall } from "./glue-partitions.ts";

/** Glue takes this many in one call. */
const dropsPerCall = 25;

/** Their paths, a page at a time; none where there is no such table. */
export async function* listPartitions(
  { glue, options }: GlueCall,
  table: TableDefinition,
): AsyncGenerator<readonly string[]> {
  const of = { DatabaseName: table.database, TableName: table.name, ExcludeColumnSchema: true };
  let next: string | undefined;
  try {
    do {
      const token = next === undefined ? {} : { NextToken: next };
      const page = await glue.send(new GetPartitionsCommand({ ...of, ...token }), options);
      yield (page.Partitions ?? []).map(({ Values: values = [] }) =>
        table.partitions.map(({ name }, level) => `${name}=${values[level] ?? ""}`).join("/"),
      );
      next = page.NextToken;
    } while (next !== undefined);
  } catch (error) {
    if (!(error instanceof EntityNotFoundException)) throw error;
  }
}

/** One that is gone already is no error. Throws where Glue keeps one. */
export async function dropPartitions(
  { glue, options }: GlueCall,
  table: TableDefinition,
  paths: readonly string[],
): Promise<void> {
  for (let from = 0; from < paths.length; from += dropsPerCall) {
    const values = paths.slice(from, from + dropsPerCall).map((path) => ({ Values: [...partitionValues(path)] }));
    const of = { DatabaseName: table.database, TableName: table.name, PartitionsToDelete: values };
    const answer = await glue.send(new BatchDeletePartitionCommand(of), options);
    const refused = (answer.Errors ?? []).find(({ ErrorDetail: e }) => e?.ErrorCode !== "EntityNotFoundException");
    if (refused === undefined) continue;
    const { PartitionValues: kept, ErrorDetail: detail } = refused;
    throw new Error(`Glue keeps partition ${kept?.join("/") ?? "?"}: ${detail?.ErrorCode ?? "?"}`);
  }
}

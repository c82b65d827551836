/** What a Glue has, read back with its own API. */
import { type Column, GlueClient, paginateGetPartitions, paginateGetTables } from "@aws-sdk/client-glue";

export interface GlueColumn {
  readonly name: string;
  readonly type: string;
  readonly comment: string;
}

interface GlueTable {
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly GlueColumn[];
  readonly partitionColumns: readonly GlueColumn[];
  readonly location: string;
}

interface GluePartition {
  /** `BE/2018/02`. */
  readonly values: string;
  readonly location: string;
  readonly columns: readonly GlueColumn[];
}

interface Glue extends Disposable {
  /** By name. */
  tables(database: string): Promise<readonly GlueTable[]>;
  /** By their values. */
  partitions(database: string, table: string): Promise<readonly GluePartition[]>;
}

export function openGlue(endpoint: string): Glue {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new GlueClient({ endpoint, region: "us-east-1", credentials });
  return {
    tables: async (DatabaseName) => {
      const tables: GlueTable[] = [];
      for await (const { TableList: found = [] } of paginateGetTables({ client }, { DatabaseName })) {
        for (const { Name, Description, PartitionKeys, StorageDescriptor } of found) {
          tables.push({
            name: Name ?? "",
            comment: Description ?? "",
            columns: (StorageDescriptor?.Columns ?? []).map(columnOf),
            partitionColumns: (PartitionKeys ?? []).map(columnOf),
            location: StorageDescriptor?.Location ?? "",
          });
        }
      }
      return tables.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
    partitions: async (DatabaseName, TableName) => {
      const partitions: GluePartition[] = [];
      for await (const { Partitions: found = [] } of paginateGetPartitions({ client }, { DatabaseName, TableName })) {
        for (const { Values, StorageDescriptor } of found) {
          partitions.push({
            values: (Values ?? []).join("/"),
            location: StorageDescriptor?.Location ?? "",
            columns: (StorageDescriptor?.Columns ?? []).map(columnOf),
          });
        }
      }
      return partitions.toSorted((a, b) => (a.values < b.values ? -1 : 1));
    },
    [Symbol.dispose]: () => client.destroy(),
  };
}

function columnOf({ Name, Type, Comment }: Column): GlueColumn {
  return { name: Name ?? "", type: Type ?? "", comment: Comment ?? "" };
}

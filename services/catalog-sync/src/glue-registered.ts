/** Which partitions Glue has of a table, and taking away those that have no parts: for reconciliation, not for the service. */
import {
  BatchDeletePartitionCommand,
  EntityNotFoundException,
  GetPartitionsCommand,
  GlueClient,
} from "@aws-sdk/client-glue";
import { at } from "@airlake/shared/clients";

/** A table by its names, and its partition columns in order. */
export interface RegisteredTable {
  readonly database: string;
  readonly name: string;
  readonly partitions: readonly { readonly name: string }[];
}

export interface GlueRegistered extends Disposable {
  /** Paths such as `country=BE/year=2018/month=02`, a page at a time; none where there is no such table. */
  list(table: RegisteredTable, signal?: AbortSignal): AsyncGenerator<readonly string[]>;
  /** Removes partitions from the catalog; one that is gone already is no error. Objects stay. */
  drop(table: RegisteredTable, paths: readonly string[], signal?: AbortSignal): Promise<void>;
}

/** Glue takes this many in one call. */
const dropsPerCall = 25;

/** Opens a client at the endpoint; undefined for AWS itself. */
export function openGlueRegistered(endpoint: string | undefined): GlueRegistered {
  const glue = new GlueClient(at(endpoint));
  return {
    async *list(table, signal) {
      const options = signal === undefined ? {} : { abortSignal: signal };
      let next: string | undefined;
      try {
        do {
          const token = next === undefined ? {} : { NextToken: next };
          const of = { DatabaseName: table.database, TableName: table.name, ExcludeColumnSchema: true };
          const page = await glue.send(new GetPartitionsCommand({ ...of, ...token }), options);
          yield (page.Partitions ?? []).map(({ Values: values = [] }) =>
            table.partitions.map(({ name }, level) => `${name}=${values[level] ?? ""}`).join("/"),
          );
          next = page.NextToken;
        } while (next !== undefined);
      } catch (error) {
        if (!(error instanceof EntityNotFoundException)) throw error;
      }
    },

    async drop(table, paths, signal) {
      const options = signal === undefined ? {} : { abortSignal: signal };
      for (let from = 0; from < paths.length; from += dropsPerCall) {
        const values = paths.slice(from, from + dropsPerCall).map((path) => ({
          Values: path.split("/").map((level) => level.slice(level.indexOf("=") + 1)),
        }));
        const of = { DatabaseName: table.database, TableName: table.name, PartitionsToDelete: values };
        const answer = await glue.send(new BatchDeletePartitionCommand(of), options);
        const refused = (answer.Errors ?? []).find(({ ErrorDetail: e }) => e?.ErrorCode !== "EntityNotFoundException");
        if (refused !== undefined)
          throw new Error(
            `Glue keeps partition ${refused.PartitionValues?.join("/") ?? "?"}: ${refused.ErrorDetail?.ErrorCode ?? "?"}`,
          );
      }
    },

    [Symbol.dispose]: () => glue.destroy(),
  };
}

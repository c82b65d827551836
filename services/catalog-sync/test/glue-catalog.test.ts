import {
  DeleteTableCommand,
  GetPartitionsCommand,
  GetTablesCommand,
  GlueClient,
  type StorageDescriptor,
} from "@aws-sdk/client-glue";
import { containerReason, motoImage, startMoto } from "@airlake/shared/testing/containers";
import { systemClock } from "@airlake/shared/clock";
import { pino } from "pino";

import { createGlueCatalog } from "../src/glue-catalog.ts";
import { type CatalogStore, describeCatalog } from "./catalog-contract.ts";

describeCatalog("the catalog on AWS Glue", openStore, containerReason(motoImage));

async function openStore(): Promise<CatalogStore> {
  const moto = await startMoto();
  const glue = new GlueClient(moto.clientConfig);
  return {
    worker: () => createGlueCatalog({ glue, log: pino({ level: "silent" }), clock: systemClock }),
    tables: async (database) => {
      const answer = await glue.send(new GetTablesCommand({ DatabaseName: database })).catch(() => ({ TableList: [] }));
      const found = (answer.TableList ?? []).toSorted((a, b) => ((a.Name ?? "") < (b.Name ?? "") ? -1 : 1));
      return found.map((table) => ({
        name: table.Name ?? "",
        comment: table.Description ?? "",
        columns: (table.StorageDescriptor?.Columns ?? []).map(
          (column) => [column.Name ?? "", column.Type ?? "", column.Comment ?? ""] as const,
        ),
        partitions: (table.PartitionKeys ?? []).map((column) => column.Name ?? ""),
        location: placeOf(table.StorageDescriptor),
      }));
    },
    partitions: async (database, name) => {
      const found = [];
      let token: string | undefined;
      do {
        const answer = await glue.send(
          new GetPartitionsCommand({ DatabaseName: database, TableName: name, NextToken: token }),
        );
        found.push(...(answer.Partitions ?? []));
        token = answer.NextToken;
      } while (token !== undefined);
      return found
        .map((partition) => ({
          path: `country=${partition.Values?.[0]}/year=${partition.Values?.[1]}`,
          location: placeOf(partition.StorageDescriptor),
          columns: partition.StorageDescriptor?.Columns?.length ?? 0,
        }))
        .toSorted((a, b) => (a.path < b.path ? -1 : 1));
    },
    dropTable: async (database, name) => {
      await glue.send(new DeleteTableCommand({ DatabaseName: database, Name: name }));
    },
    [Symbol.asyncDispose]: async () => {
      glue.destroy();
      await moto[Symbol.asyncDispose]();
    },
  };
}

function placeOf(descriptor: StorageDescriptor | undefined): string {
  return (descriptor?.Location ?? "").replace("s3://", "");
}

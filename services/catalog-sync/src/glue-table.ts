/** What a table and its partitions are called in Glue's own words, and whether what Glue has differs from them. Pure. */
import type { Column, PartitionInput, StorageDescriptor, Table, TableInput } from "@aws-sdk/client-glue";
import { hiveType } from "@airlake/shared/contracts/column-types";
import type { TableColumn, TableDefinition, TableLocation } from "@airlake/shared/contracts/tables";

import type { Partition } from "./catalog.ts";

/** Glue's limit for a column's comment. */
const commentLimit = 255;

const formats = {
  parquet: {
    InputFormat: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    OutputFormat: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    serde: "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
  },
  json: {
    InputFormat: "org.apache.hadoop.mapred.TextInputFormat",
    OutputFormat: "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    serde: "org.openx.data.jsonserde.JsonSerDe",
  },
} as const;

/** The table as CreateTable and UpdateTable take it. What a person has added to `found`'s parameters stays. */
export function tableInput(table: TableDefinition, found?: Table): TableInput {
  return {
    Name: table.name,
    Description: table.comment,
    TableType: "EXTERNAL_TABLE",
    Parameters: { ...found?.Parameters, EXTERNAL: "TRUE", classification: table.storage },
    PartitionKeys: table.partitions.map(glueColumn),
    StorageDescriptor: descriptor(table, table.location),
    ...(found?.Owner === undefined ? {} : { Owner: found.Owner }),
    ...(found?.Retention === undefined ? {} : { Retention: found.Retention }),
  };
}

/** One partition as BatchCreatePartition and BatchUpdatePartition take it. */
export function partitionInput(table: TableDefinition, partition: Partition): PartitionInput {
  return { Values: [...partition.values], StorageDescriptor: descriptor(table, partition.location) };
}

/** Whether Glue's table is as it should be, in all that we decide about it. */
export function isSameTable(wanted: TableInput, found: Table): boolean {
  const decided = (table: TableInput | Table): unknown => [
    table.Description,
    table.TableType,
    (table.PartitionKeys ?? []).map(columnFacts),
    Object.keys(wanted.Parameters ?? {}).map((name) => table.Parameters?.[name]),
    descriptorFacts(table.StorageDescriptor),
  ];
  return JSON.stringify(decided(wanted)) === JSON.stringify(decided(found));
}

/** Whether a partition lies where it should, with the table's columns. */
export function isSamePlace(wanted: StorageDescriptor | undefined, found: StorageDescriptor | undefined): boolean {
  return JSON.stringify(descriptorFacts(wanted)) === JSON.stringify(descriptorFacts(found));
}

function descriptor(table: TableDefinition, location: TableLocation): StorageDescriptor {
  const format = formats[table.storage];
  return {
    Columns: table.columns.map(glueColumn),
    Location: `s3://${location.bucket}/${location.prefix}`,
    InputFormat: format.InputFormat,
    OutputFormat: format.OutputFormat,
    SerdeInfo: { SerializationLibrary: format.serde, Parameters: serdeParameters(table) },
  };
}

function serdeParameters(table: TableDefinition): Record<string, string> {
  if (table.storage === "parquet") return { "serialization.format": "1" };
  const renamed = table.columns.flatMap((column) =>
    column.member === undefined ? [] : [[`mapping.${column.name}`, column.member]],
  );
  // A manifest that is being replaced is never seen half written, so a line that is no JSON is an error worth seeing.
  return { "case.insensitive": "true", "ignore.malformed.json": "false", ...Object.fromEntries(renamed) };
}

function glueColumn(column: TableColumn): Column {
  return { Name: column.name, Type: hiveType(column.type), Comment: column.comment.slice(0, commentLimit) };
}

function columnFacts(column: Column): unknown {
  return [column.Name, column.Type, column.Comment ?? ""];
}

function descriptorFacts(stored: StorageDescriptor | undefined): unknown {
  return [
    (stored?.Columns ?? []).map(columnFacts),
    // Some tools write a location without the slash at its end; it is the same folder.
    stored?.Location?.replace(/\/+$/, ""),
    stored?.InputFormat,
    stored?.OutputFormat,
    stored?.SerdeInfo?.SerializationLibrary,
    Object.entries(stored?.SerdeInfo?.Parameters ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  ];
}

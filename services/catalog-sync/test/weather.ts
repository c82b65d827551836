import { type DatasetDefinition, datasetSchema } from "@airlake/shared/contracts/dataset";

/** A small dataset of a name of its own, so that tests can share a catalog. `more` are columns that come later. */
export function weather(name: string, more: readonly string[] = []): DatasetDefinition {
  return datasetSchema.parse({
    contract: "dataset/1",
    name,
    title: "Weather of a few places",
    formats: [{ kind: "ndjson", name: "weather-ndjson", paths: ["place", "at"], sql: "formats/weather.sql" }],
    rulePacks: { "1": "rules.sql" },
    reasons: ["malformed-record"],
    flags: [],
    columns: [
      { name: "place", type: "text", comment: "Where" },
      { name: "at", type: "timestamptz", comment: "When" },
      { name: "local_time", type: "timestamp", comment: "When, on the clocks there" },
      { name: "celsius", type: "double", comment: "How warm" },
      ...more.map((column) => ({ name: column, type: "int", comment: `Added later: ${column}` })),
    ],
    table: {
      name: "readings",
      comment: "One reading a row",
      sql: "join.sql",
      columns: [],
      partitions: [
        { name: "country", type: "text", comment: "ISO code of the place's country" },
        { name: "year", type: "int", comment: "Year of the reading" },
      ],
      sort: ["place", "source_record"],
    },
    enrichments: [{ use: "iso-country" }],
  });
}

export const buckets = { raw: "raw", silver: "silver", gold: "gold", ops: "ops" } as const;

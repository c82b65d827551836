/** The reference tables that a dataset's join.sql may read, and what changes when they do. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Clients } from "@airlake/shared/clients";
import type { DatasetDefinition } from "@airlake/shared/contracts/dataset";
import { referenceKey } from "@airlake/shared/contracts/keys";
import type { DuckDb, DuckDbSession } from "@airlake/shared/duckdb";
import { httpStatusOf } from "@airlake/shared/errors";
import { createBorders } from "./enrich/borders.ts";
import { countriesFingerprint, loadCountries, writeCountries } from "./enrich/countries.ts";
import { loadPlaces } from "./enrich/places.ts";

export interface References {
  /** Changes with the content of every table that the dataset uses. */
  fingerprintFor(dataset: DatasetDefinition): string;
  /** Makes the tables that the dataset uses in the session; `clean` is there already. */
  load(dataset: DatasetDefinition, session: DuckDbSession): Promise<void>;
}

export function createReferences(): References {
  const borders = createBorders();
  const countries = countriesFingerprint();
  return {
    fingerprintFor(dataset) {
      const used = dataset.enrichments.map(({ use }) => (use === "iso-country" ? countries : borders.fingerprint));
      return createHash("sha256").update(JSON.stringify(used)).digest("hex").slice(0, 16);
    },

    async load(dataset, session) {
      for (const enrichment of dataset.enrichments) {
        if (enrichment.use === "iso-country") await loadCountries(session);
        else
          await loadPlaces(session, borders, {
            relation: "clean",
            latitude: enrichment.latitude,
            longitude: enrichment.longitude,
          });
      }
    },
  };
}

/** Keeps the table `countries` of the lake: one object, replaced whole where its content is another. */
export async function publishCountries(
  deps: { readonly clients: Clients; readonly duckdb: DuckDb },
  place: { readonly goldBucket: string; readonly scratchFolder: string },
): Promise<void> {
  const { s3 } = deps.clients;
  const Key = referenceKey("countries");
  const fingerprint = countriesFingerprint();
  if ((await fingerprintOf(deps.clients, place.goldBucket, Key)) === fingerprint) return;
  const folder = await mkdtemp(join(place.scratchFolder, "countries-"));
  try {
    const file = join(folder, "countries.parquet");
    using session = await deps.duckdb.connect(new AbortController().signal);
    await writeCountries(session, file);
    const { size } = await stat(file);
    const Body = createReadStream(file);
    await s3.send(
      new PutObjectCommand({ Bucket: place.goldBucket, Key, Body, ContentLength: size, Metadata: { fingerprint } }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fingerprintOf(clients: Clients, bucket: string, key: string): Promise<string | undefined> {
  try {
    const head = await clients.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return head.Metadata?.["fingerprint"];
  } catch (error) {
    if (httpStatusOf(error) === 404) return undefined;
    throw error;
  }
}

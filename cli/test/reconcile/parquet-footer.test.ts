import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { GetObjectCommand } from "@aws-sdk/client-s3";
import type { ObjectStore } from "@airlake/shared/object-store";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, test } from "vitest";

import { rowsInFooter } from "../../src/reconcile/parquet-footer.ts";
import { tempFolder } from "../temp-folder.ts";

/** A store with one object, which answers ranges as S3 does. */
function storeOf(bytes: Buffer): ObjectStore {
  const send = async ({ input }: GetObjectCommand) => {
    const [from = 0, to = 0] = (/(\d+)-(\d+)/.exec(input.Range ?? "") ?? []).slice(1).map(Number);
    return { Body: { transformToByteArray: async () => bytes.subarray(from, to + 1) } };
  };
  return { send: send as ObjectStore["send"] };
}

async function rowsOf(bytes: Buffer): Promise<number | string> {
  return rowsInFooter(storeOf(bytes), { bucket: "b", key: "k", sizeBytes: bytes.length });
}

async function parquetOf(sql: string): Promise<Buffer> {
  const file = join(await tempFolder(), "one.parquet");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(`COPY (${sql}) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  return readFile(file);
}

test("reads the rows of parts of any size and shape", async () => {
  const columns = Array.from({ length: 800 }, (_, at) => `range AS column_number_${at}`).join(", ");

  expect(await rowsOf(await parquetOf("SELECT 1 AS one WHERE false"))).toBe(0);
  expect(await rowsOf(await parquetOf("SELECT {a: [1, 2], b: MAP {'k': true}} AS nested FROM range(300000)"))).toBe(
    300_000,
  );
  // Its footer is longer than what is fetched at first.
  expect(await rowsOf(await parquetOf(`SELECT ${columns} FROM range(5)`))).toBe(5);
});

test("says of damaged bytes that they are damaged, whatever they are", async () => {
  const good = await parquetOf("SELECT range AS n, 'text' AS t FROM range(10)");

  expect(await rowsOf(Buffer.alloc(0))).toBe("it does not end as Parquet does");
  expect(await rowsOf(good.subarray(0, -1))).toBe("it does not end as Parquet does");
  expect(await rowsOf(good.subarray(-20))).toBe("its footer is damaged");
  for (let at = 0; at < good.length - 8; at += 1) {
    const bad = Buffer.from(good);
    bad[at] = 0xff - (bad[at] ?? 0);
    expect(["number", "string"]).toContain(typeof (await rowsOf(bad)));
  }
});

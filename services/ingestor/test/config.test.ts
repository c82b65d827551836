import { expect, test } from "vitest";

import { loadConfig } from "../src/config.ts";

const env = {
  QUEUE: "ingest",
  DEAD_LETTER_QUEUE: "ingest-dlq",
  OPS_BUCKET: "ops",
  RAW_BUCKET: "raw",
  DATASETS_FOLDER: "datasets",
  LAKE_FOLDER: "lake",
};

test("keeps away from private networks, and takes objects of up to 5 GB, unless told otherwise", () => {
  expect(loadConfig(env)).toMatchObject({ ALLOW_PRIVATE_ADDRESSES: "false", MAX_OBJECT_BYTES: 5_000_000_000 });
  expect(loadConfig({ ...env, ALLOW_PRIVATE_ADDRESSES: "true" }).ALLOW_PRIVATE_ADDRESSES).toBe("true");
});

test("does not take a setting for yes that is not exactly that", () => {
  expect(() => loadConfig({ ...env, ALLOW_PRIVATE_ADDRESSES: "1" })).toThrow(/ALLOW_PRIVATE_ADDRESSES/);
});

test("refuses objects that no single PUT can hold", () => {
  expect(() => loadConfig({ ...env, MAX_OBJECT_BYTES: "5368709121" })).toThrow(/MAX_OBJECT_BYTES/);
});

test("wants a download to end before its attempt does", () => {
  expect(() => loadConfig({ ...env, ATTEMPT_DEADLINE_SECONDS: "600" })).toThrow(
    /DOWNLOAD_TIMEOUT_SECONDS must be below ATTEMPT_DEADLINE_SECONDS/,
  );
});

test("names every setting that is missing", () => {
  expect(() => loadConfig({})).toThrow(/QUEUE.*OPS_BUCKET.*RAW_BUCKET.*DATASETS_FOLDER/s);
});

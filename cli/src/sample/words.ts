/** The names of formats, reasons and flags that a sample is written in. */
export type SampleFormat =
  | "openaq-legacy-csv"
  | "openaq-v2-csv"
  | "openaq-realtime-ndjson"
  | "openaq-archive-csv"
  | "openaq-explorer-csv"
  | "opendatasoft-csv";

export const QUARANTINE_REASONS = [
  "malformed-record",
  "missing-parameter",
  "bad-timestamp",
  "future-timestamp",
  "bad-value",
  "sentinel-value",
  "negative-value",
  "duplicate-record",
] as const;
export type QuarantineReason = (typeof QUARANTINE_REASONS)[number];

export const ROW_FLAGS = [
  "negative-noise",
  "coordinates-missing",
  "coordinates-out-of-range",
  "coordinates-near-zero",
  "country-missing",
  "country-unknown",
  "local-utc-mismatch",
] as const;
export type RowFlag = (typeof ROW_FLAGS)[number];

export const JOINED_FLAGS = ["country-derived", "coordinates-outside-country", "above-limit"] as const;
export type JoinedFlag = (typeof JOINED_FLAGS)[number];

export type BadFileReason =
  | "unrecognised-format"
  | "empty-file"
  | "truncated-gzip"
  | "corrupt-gzip"
  | "binary-content"
  | "wrong-encoding"
  | "too-many-columns"
  | "inflated-too-large";

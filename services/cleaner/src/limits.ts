/** How large a source may be before it is rejected. Each keeps one bad object from taking the worker down. */

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export interface Limits {
  /** Of the text, inflated: more than this may be a gzip bomb. */
  readonly inflatedBytes: number;
  /** Of the header line; a table with more is no table of ours. */
  readonly columns: number;
  /** Of one record: it is held in memory whole. An opening quote that is never closed ends here too. */
  readonly recordBytes: number;
  readonly records: number;
  /** Of the beginning that the format is recognised from; held in memory. */
  readonly headBytes: number;
  /** Of a JSON document, which cannot be split before it is parsed. */
  readonly documentBytes: number;
}

export const defaultLimits: Limits = {
  // The largest source that is promised to work is 5 GB; scratch space must hold this, its normalised copy, and of a large one also
  // judged.parquet. MAX_INFLATED_BYTES.
  inflatedBytes: 6_000_000_000,
  columns: 1000,
  recordBytes: 16 * MiB,
  // Ten times what so many bytes of the shortest records in use would be.
  records: 1_000_000_000,
  headBytes: 1 * MiB,
  documentBytes: 256 * MiB,
};

/** `16 MiB`, `1.5 GiB`, `300 bytes`: for sentences. */
export function sizeText(bytes: number): string {
  const [size, unit] = [[GiB, "GiB"] as const, [MiB, "MiB"] as const, [KiB, "KiB"] as const].find(
    ([least]) => bytes >= least,
  ) ?? [1, "bytes"];
  return `${Number((bytes / size).toFixed(1))} ${unit}`;
}

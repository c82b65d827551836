/** What a sample is known to hold, counted while it is built; nothing here looks at a written file. */
import type { Draft } from "./draft.ts";
import type { SampleFormat, QuarantineReason, RowFlag, JoinedFlag, BadFileReason } from "./words.ts";

/** Record numbers are 1-based, in file order; a header and blank lines are no records. */
export type FileTruth = {
  readonly name: string;
  readonly format: SampleFormat;
  /** ISO 8601, UTC; null where the name gives none. */
  readonly referenceTime: string | null;
  readonly read: number;
  readonly kept: number;
  readonly quarantined: number;
  /** Only reasons and flags that occur. */
  readonly reasons: Readonly<Partial<Record<QuarantineReason, number>>>;
  readonly flags: Readonly<Partial<Record<RowFlag, number>>>;
  /** Flags that the join adds to kept records: all three are present, also when no record has one. */
  readonly joinedFlags: Readonly<Record<JoinedFlag, { readonly count: number; readonly records: readonly number[] }>>;
  /** Kept records whose code is an ISO code of the wrong country. */
  readonly wrongCountryCodes: readonly number[];
  /** `kind` names how the record was made, e.g. "sentinel -999 in µg/m³". */
  readonly quarantinedRecords: readonly {
    readonly record: number;
    readonly reason: QuarantineReason;
    readonly kind: string;
  }[];
  readonly keptOddities: readonly { readonly record: number; readonly kind: string }[];
  /** Kept records by "DE/2018/02": the delivered code (ZZ for none or unknown), the local date's year and month. */
  readonly partitions: Readonly<Record<string, number>>;
  /** The same, with missing and unknown codes replaced by the country of the coordinates, where these tell one. */
  readonly partitionsAfterDerivation: Readonly<Record<string, number>>;
};

export type BadFileTruth = {
  readonly name: string;
  readonly reason: BadFileReason;
  /**
   * For a file that is bad only under a lowered limit: how many bytes it inflates to (the limit must be lower), and what
   * it holds when the limit is higher.
   */
  readonly onlyWhenLimitBelow?: {
    readonly inflatedBytes: number;
    readonly otherwise: Pick<FileTruth, "format" | "read" | "kept" | "quarantined" | "reasons">;
  };
};

export type SampleTruth = {
  readonly contract: "sample-truth/1";
  /** YYYY-MM-DD, UTC. */
  readonly date: string;
  readonly seed: number;
  readonly files: readonly FileTruth[];
  readonly badFiles: readonly BadFileTruth[];
  /** Over the good files. */
  readonly totals: { readonly read: number; readonly kept: number; readonly quarantined: number };
};

type FileFacts = Pick<FileTruth, "name" | "format" | "referenceTime">;

/** Counts one file's records as they are built. `kind` is null for an ordinary record. */
export type Tally = {
  readonly add: (draft: Draft, kind: string | null) => void;
  readonly truth: () => FileTruth;
};

export function createTally(file: FileFacts): Tally {
  let read = 0;
  const reasons: Partial<Record<QuarantineReason, number>> = {};
  const flags: Partial<Record<RowFlag, number>> = {};
  const joined: Record<JoinedFlag, number[]> = {
    "country-derived": [],
    "coordinates-outside-country": [],
    "above-limit": [],
  };
  const wrongCountryCodes: number[] = [];
  const quarantinedRecords: { record: number; reason: QuarantineReason; kind: string }[] = [];
  const keptOddities: { record: number; kind: string }[] = [];
  const partitions: Record<string, number> = {};
  const partitionsAfterDerivation: Record<string, number> = {};

  const add = (draft: Draft, kind: string | null): void => {
    read += 1;
    if (draft.reason !== null) {
      increment(reasons, draft.reason);
      quarantinedRecords.push({ record: read, reason: draft.reason, kind: kind ?? "ordinary" });
      return;
    }
    if (kind !== null) keptOddities.push({ record: read, kind });
    for (const flag of rowFlags(draft)) increment(flags, flag);
    for (const flag of joinedFlags(draft)) joined[flag].push(read);
    if (draft.facts.code === "wrong") wrongCountryCodes.push(read);
    const delivered = deliveredCountry(draft);
    increment(partitions, `${delivered}/${draft.facts.month}`);
    const country = isDerived(draft) ? draft.station.country : delivered;
    increment(partitionsAfterDerivation, `${country}/${draft.facts.month}`);
  };

  const truth = (): FileTruth => ({
    ...file,
    read,
    kept: read - quarantinedRecords.length,
    quarantined: quarantinedRecords.length,
    reasons,
    flags,
    joinedFlags: {
      "country-derived": counted(joined["country-derived"]),
      "coordinates-outside-country": counted(joined["coordinates-outside-country"]),
      "above-limit": counted(joined["above-limit"]),
    },
    wrongCountryCodes,
    quarantinedRecords,
    keptOddities,
    partitions,
    partitionsAfterDerivation,
  });
  return { add, truth };
}

function rowFlags({ facts }: Draft): RowFlag[] {
  const flags: RowFlag[] = [];
  if (facts.negativeNoise) flags.push("negative-noise");
  if (facts.place !== "good") flags.push(`coordinates-${facts.place}`);
  if (facts.code === "missing" || facts.code === "unknown") flags.push(`country-${facts.code}`);
  if (facts.clocksDisagree) flags.push("local-utc-mismatch");
  return flags;
}

function joinedFlags(draft: Draft): JoinedFlag[] {
  const flags: JoinedFlag[] = [];
  if (isDerived(draft)) flags.push("country-derived");
  if (draft.facts.code === "wrong") flags.push("coordinates-outside-country");
  if (draft.facts.aboveLimit) flags.push("above-limit");
  return flags;
}

/** Good coordinates lie well inside the station's country, so that they tell it. */
function isDerived({ facts }: Draft): boolean {
  return (facts.code === "missing" || facts.code === "unknown") && facts.place === "good";
}

function deliveredCountry({ facts }: Draft): string {
  return facts.code === "missing" || facts.code === "unknown" ? "ZZ" : facts.deliveredCode;
}

function counted(records: readonly number[]): { count: number; records: readonly number[] } {
  return { count: records.length, records };
}

function increment<K extends string>(counts: Partial<Record<K, number>>, key: K): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

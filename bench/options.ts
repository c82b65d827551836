/** What a scenario may be told. */
export interface Options {
  /** A legacy CSV file; without it, a day of `records` is generated. */
  readonly input?: string | undefined;
  readonly records: number;
  readonly folder?: string | undefined;
  readonly rounds: number;
  /** Of the scenarios that have many; undefined for what is usual there. */
  readonly sources?: number | undefined;
  readonly gigabytes: readonly number[];
  /** A folder of the scenario's own; it is removed at the end. */
  readonly work: string;
}

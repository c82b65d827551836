/** What a stage brings to the protocol of `align.ts`. */
import type { Source } from "../contracts/keys.ts";
import type { Counts, InputIdentity, Manifest, Part } from "../contracts/manifest.ts";
import type { StageName } from "../contracts/keys.ts";

/** What one message asks to look at. */
export interface Target {
  readonly source: Source;
  readonly sourceId: string;
  readonly dataset: string;
  /** One source's story, told in the logs of all services. */
  readonly correlationId: string;
  /** The message begins the story, unless the input names one: whoever brought it has told the beginning. */
  readonly begins?: boolean;
}

/** One try of a stage. Its id is in the keys of its parts. */
export interface Attempt {
  readonly id: string;
  readonly generation: number;
  /** The rule pack of the round's fingerprint: the wanted one may become another while the attempt works. */
  readonly rulePack: number | null;
  /** A folder of its own, removed afterwards. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** The input as it is now. `value` is what the stage works on; it is closed when the round ends. */
export type Input<T extends AsyncDisposable> =
  | { readonly kind: "gone" }
  | {
      readonly kind: "present";
      readonly identity: InputIdentity;
      readonly value: T;
      /** The story that the input itself names. */
      readonly correlationId?: string;
    };

/** A file in scratch and the part it is to become. */
export interface PartFile {
  readonly file: string;
  readonly part: Part;
}

/** What the outputs should be. */
export type Wanted =
  | {
      readonly kind: "outputs";
      readonly files: readonly PartFile[];
      readonly counts: Counts;
      readonly format: string | null;
      readonly referenceTime: string | null;
      readonly timings: Readonly<Record<string, number>>;
    }
  | { readonly kind: "rejected"; readonly reason: string; readonly detail: string; readonly firstBytes?: string }
  /** The input went away while it was read: begin again. */
  | { readonly kind: "moved" };

export interface Stage<T extends AsyncDisposable> {
  readonly name: StageName;
  /** Reads the input, without working on it yet. */
  readInput(target: Target, signal: AbortSignal): Promise<Input<T>>;
  /** The input's identity now, or "gone"; for the second look. */
  identityNow(target: Target, signal: AbortSignal): Promise<string>;
  /** Everything besides the input that the outputs depend on: rules, definitions, reference tables, engine. */
  fingerprint(target: Target): Promise<{ readonly text: string; readonly rulePack: number | null }>;
  work(
    target: Target,
    input: { readonly identity: InputIdentity; readonly value: T },
    attempt: Attempt,
  ): Promise<Wanted>;
  /** Sends the next message, naming these partitions of the outputs and of what was deleted. */
  announce(target: Target, manifest: Manifest | undefined, partitions: readonly string[]): Promise<void>;
}

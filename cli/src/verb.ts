/** What every verb is given, and the options that every verb has. */
import type { Clock } from "@airlake/shared/clock";

import type { Interruption } from "./interruption.ts";
import type { Out } from "./out.ts";

/** Standard input. */
export interface Input {
  /** A person sits there and can be asked. */
  readonly interactive: boolean;
  /** Asks and waits for a line. */
  ask(question: string): Promise<string>;
  /** All of it, as text. */
  text(): Promise<string>;
}

export interface VerbDeps {
  readonly out: Out;
  readonly input: Input;
  readonly clock: Clock;
  readonly interruption: () => Interruption;
}

/** Options of every verb. */
export interface LakeOptions {
  readonly lake: string;
  readonly json: boolean;
  readonly debug: boolean;
}

/** 0 all good; 1 it ran, and something was rejected or is off; 2 wrong use, or it could not run; 130 stopped by Ctrl-C. */
export type ExitCode = 0 | 1 | 2 | 130 | 143;

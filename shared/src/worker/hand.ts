/** What a handler is given beside the message: its lease, its signal, and where failures go. */
import type { Message } from "@aws-sdk/client-sqs";
import type { FailureRecord } from "../contracts/failure.ts";
import type { Logger } from "../logger.ts";
import type { Outcome } from "../outcome.ts";
import type { Lease } from "./lease.ts";

export type Failure = Pick<FailureRecord, "reason" | "detail" | "source" | "identity" | "attempt" | "firstBytes"> & {
  readonly error?: unknown;
  /** `queue` where SQS is to park the message by itself; `worker` unless given. */
  readonly parkedBy?: FailureRecord["parkedBy"];
};

/** One message in hand. */
export interface Hand {
  readonly lease: Lease;
  /** Aborts when the lease is over or the worker must stop now. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** The replay that sent the message: it is to be tried also where the source was rejected before, with the very same content. */
  readonly replayId?: string;
  /** Writes a failure record about the message; gives its key in ops. */
  recordFailure(failure: Failure): Promise<string>;
  /** Sends the message to the dead-letter queue with its reason and its record's key. It is acknowledged afterwards, not here. */
  park(reason: string, failureKey: string): Promise<void>;
}

export type Handle = (message: Message, hand: Hand) => Promise<Outcome>;

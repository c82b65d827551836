/** Why a source as a whole can never be cleaned, in words that a person understands. */

export type RejectionReason =
  | "unrecognised-format"
  | "empty-file"
  | "truncated-gzip"
  | "corrupt-gzip"
  | "binary-content"
  | "wrong-encoding"
  | "too-many-columns"
  | "inflated-too-large"
  | "record-too-large"
  | "too-many-records";

export interface SourceRejected {
  readonly kind: "rejected";
  readonly reason: RejectionReason;
  /** A sentence: what is wrong, where, what to do. */
  readonly detail: string;
  /** How the (inflated) source begins: its text, or hexadecimal bytes where it is no text. */
  readonly firstBytes: string;
}

/** A rejection without the source's first bytes: the steps that find one do not all hold them. */
export type Rejection = Pick<SourceRejected, "reason" | "detail">;

export function isRejection(value: unknown): value is Rejection {
  return typeof value === "object" && value !== null && "reason" in value && "detail" in value;
}

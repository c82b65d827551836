/** What a source answers, whichever way it is asked. */
import type { Readable } from "node:stream";

/** Why a source is not brought, now and at every later try. */
export type Reason =
  | "source-not-found"
  | "source-forbidden"
  | "source-refused"
  | "source-untrusted"
  | "private-address"
  | "bad-redirect"
  | "unsupported-encoding"
  | "too-large";

export interface Refusal {
  readonly kind: "refused";
  readonly reason: Reason;
  /** A sentence for a person: what is wrong, what to do next. */
  readonly detail: string;
}

/** A body from byte `offset` on. */
export interface SourceBody {
  readonly kind: "body";
  readonly stream: Readable;
  readonly offset: number;
  /** Of the whole object; undefined where the source does not say. */
  readonly totalBytes: number | undefined;
  /** The strong ETag, by which the rest of the very same bytes can be asked for; undefined where there is none. */
  readonly validator: string | undefined;
}

/** The rest of a body that was interrupted. */
export interface Rest {
  readonly offset: number;
  readonly validator: string;
}

/**
 * Asks for the whole object, or for its rest where that is still the same object: the offset of the answer tells which
 * came. Throws TransientError where it may answer better later.
 */
export type Open = (rest: Rest | undefined, signal: AbortSignal) => Promise<SourceBody | Refusal>;

export function refused(reason: Reason, detail: string): Refusal {
  return { kind: "refused", reason, detail };
}

/** `bytes 100-199/200`; undefined where it is not that, or where its total is not told. */
export function readContentRange(
  text: string | undefined,
): { readonly offset: number; readonly totalBytes: number } | undefined {
  const [, offset, totalBytes] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(text ?? "") ?? [];
  if (offset === undefined || totalBytes === undefined) return undefined;
  return { offset: Number(offset), totalBytes: Number(totalBytes) };
}

/** An ETag that promises the same bytes; a weak one does not. */
export function strongEtag(etag: string | undefined): string | undefined {
  return etag !== undefined && etag.startsWith('"') ? etag : undefined;
}

/**
 * Bodies are stored as they were sent. A gzip coding can be, since whoever reads raw knows gzip by its first bytes; any
 * other would lie there as bytes that nothing tells the coding of.
 */
export function encodingProblem(encoding: string | undefined, shown: string): Refusal | undefined {
  const coding = (encoding ?? "").trim().toLowerCase();
  if (["", "identity", "gzip", "x-gzip", "aws-chunked"].includes(coding)) return undefined;
  const detail = `${shown} comes with Content-Encoding ${coding.slice(0, 40)}, though none was asked for; only gzip is stored as sent`;
  return refused("unsupported-encoding", detail);
}

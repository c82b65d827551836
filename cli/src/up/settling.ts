/**
 * When a file in the drop folder is whole. Nobody tells: a file that is being written looks like any other. So it is whole when
 * nothing was written to it for a while; at once, when it came by a rename, as careful writers bring their files. Pure.
 */

/** What one look at a file shows. */
export interface FileFacts {
  readonly sizeBytes: number;
  /** When it was last written, in nanoseconds since 1970. */
  readonly writtenNs: bigint;
  /** When anything of it last changed, its name among others. A write sets both alike, so a later one was no write. */
  readonly changedNs: bigint;
  readonly inode: bigint;
}

/** One content of one file, so far as it can be told without reading it. */
export function signatureOf(facts: FileFacts): string {
  return `${facts.sizeBytes}-${facts.writtenNs}-${facts.inode}`;
}

/** A writer that pauses for longer than this should write under another name, and rename. */
export const quietMs = 1500;
/** After a rename: so long a write that is on its way may take to be told of. */
const renamedMs = 50;

export interface Settling {
  /** A look at a file. True: it is whole, and no longer waited for. */
  look(path: string, facts: FileFacts, nowMs: number): boolean;
  /** The system says that the name came into its folder: created, or by a rename. */
  came(path: string): void;
  /** The system says that the file was written to. */
  wasWritten(path: string): void;
  /** This content is not asked for again before then. */
  postpone(path: string, facts: FileFacts, untilMs: number): void;
  forget(path: string): void;
  /** Files to be looked at again by now. */
  due(nowMs: number): readonly string[];
  /** When the next file is due; Infinity: none is waited for. */
  nextDueMs(): number;
  /** How many files are waited for. */
  count(): number;
}

interface Waiting {
  readonly signature: string;
  /** When this content was first seen. */
  readonly sinceMs: number;
  readonly notBeforeMs: number;
  /** When to look again. */
  readonly dueMs: number;
}

export function createSettling(): Settling {
  const waiting = new Map<string, Waiting>();
  const came = new Set<string>();
  const forget = (path: string): void => {
    waiting.delete(path);
    came.delete(path);
  };
  return {
    look: (path, facts, nowMs) => {
      const signature = signatureOf(facts);
      const found = waiting.get(path);
      const before = found?.signature === signature ? found : undefined;
      const { sinceMs, notBeforeMs } = before ?? { sinceMs: nowMs, notBeforeMs: nowMs };
      const wholeMs = sinceMs + (isRenamed(facts, came.has(path)) ? renamedMs : quietMs);
      const dueMs = Math.max(wholeMs, notBeforeMs);
      if (before !== undefined && nowMs >= dueMs) {
        forget(path);
        return true;
      }
      waiting.set(path, { signature, sinceMs, notBeforeMs, dueMs });
      return false;
    },
    came: (path) => void came.add(path),
    wasWritten: (path) => void came.delete(path),
    postpone: (path, facts, untilMs) => {
      waiting.set(path, {
        signature: signatureOf(facts),
        sinceMs: untilMs - quietMs,
        notBeforeMs: untilMs,
        dueMs: untilMs,
      });
    },
    forget,
    due: (nowMs) => [...waiting].flatMap(([path, { dueMs }]) => (dueMs <= nowMs ? [path] : [])),
    nextDueMs: () => [...waiting.values()].reduce((next, { dueMs }) => Math.min(next, dueMs), Infinity),
    count: () => waiting.size,
  };
}

/**
 * A file that has bytes, but was never seen to be written since its name came, was written under another name. So was one whose
 * last change is no write. An empty file says nothing: its writer may only have begun.
 */
function isRenamed(facts: FileFacts, cameUnwritten: boolean): boolean {
  return facts.sizeBytes > 0 && (cameUnwritten || facts.changedNs > facts.writtenNs);
}

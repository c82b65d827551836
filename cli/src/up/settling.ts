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
/** What was renamed is looked at twice, so far apart: tools that set a file's times or permissions while they write go on at once. */
const renamedMs = 50;
/**
 * Where only the lack of news of a write speaks for a rename. A copy made inside the system is told of when it is done, and on a busy
 * disk it pauses for 200 ms at a time.
 */
const unheardMs = 300;

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
  readonly inode: bigint;
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
      // The same file with another content is being written, whatever is told of it.
      if (before === undefined && found?.inode === facts.inode) came.delete(path);
      const { sinceMs, notBeforeMs } = before ?? { sinceMs: nowMs, notBeforeMs: nowMs };
      const wholeMs = sinceMs + patienceMs(facts, came.has(path));
      const dueMs = Math.max(wholeMs, notBeforeMs);
      if (before !== undefined && nowMs >= dueMs) {
        forget(path);
        return true;
      }
      waiting.set(path, { signature, inode: facts.inode, sinceMs, notBeforeMs, dueMs });
      return false;
    },
    came: (path) => void came.add(path),
    wasWritten: (path) => void came.delete(path),
    postpone: (path, facts, untilMs) => {
      const times = { sinceMs: untilMs - quietMs, notBeforeMs: untilMs, dueMs: untilMs };
      waiting.set(path, { signature: signatureOf(facts), inode: facts.inode, ...times });
    },
    forget,
    due: (nowMs) => [...waiting].flatMap(([path, { dueMs }]) => (dueMs <= nowMs ? [path] : [])),
    nextDueMs: () => [...waiting.values()].reduce((next, { dueMs }) => Math.min(next, dueMs), Infinity),
    count: () => waiting.size,
  };
}

/**
 * How long a content must have been there. A file whose last change is no write was renamed. One that has bytes, but was never told
 * to be written to since its name came, was written under another name. An empty file says nothing: its writer may only have begun.
 */
function patienceMs(facts: FileFacts, cameUnwritten: boolean): number {
  if (facts.sizeBytes === 0) return quietMs;
  if (facts.changedNs > facts.writtenNs) return renamedMs;
  return cameUnwritten ? unheardMs : quietMs;
}

/** The one error a person at the terminal can mend: said in a line or two, never with a stack trace. */
import { codeOf, errorChain } from "@airlake/shared/errors";

/** What is wrong and where; `next` says what to do about it. The command ends with 2, or with 130 where it was stopped by the person. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly next: string | undefined;
  readonly exitCode: 2 | 130;

  constructor(message: string, next?: string, options: ErrorOptions & { readonly exitCode?: 2 | 130 } = {}) {
    super(message, options);
    this.next = next;
    this.exitCode = options.exitCode ?? 2;
  }
}

const sentences: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: ["The disk is full", "Free some space, then give the same command again: it goes on where it stopped."],
  EDQUOT: [
    "Your disk quota is used up",
    "Free some space, then give the same command again: it goes on where it stopped.",
  ],
  EROFS: ["The disk is read-only", "Give a folder that you can write to with --lake DIR."],
  EACCES: ["Permission is denied", "Give a folder that you can read and write, or mend its permissions."],
  EPERM: ["It is not permitted", "Give a folder that you can read and write, or mend its permissions."],
  EMFILE: ["Too many files are open", "Raise the limit (ulimit -n 4096), then give the same command again."],
};

/** The sentence for a fault of the disk (full, read-only, forbidden); undefined where the error is something else. */
export function diskFault(error: unknown): CommandError | undefined {
  const code = diskCodeOf(error);
  const sentence = code === undefined ? undefined : sentences[code];
  if (sentence === undefined) return undefined;
  const path = pathOf(error);
  return new CommandError(`${sentence[0]}${path === undefined ? "" : `: ${path}`}`, sentence[1], { cause: error });
}

/** The system's code somewhere in an error and its causes; an engine that lost the code still says so in words. */
export function diskCodeOf(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth += 1) {
    const code = codeOf(at);
    if (code !== undefined && code in sentences) return code;
  }
  return diskCodeInText(errorChain(error).join("\n"));
}

/** A disk's fault as an engine or a log line words it. */
export function diskCodeInText(text: string): string | undefined {
  if (/no space left on device|database or disk is full|ENOSPC/i.test(text)) return "ENOSPC";
  if (/disk quota exceeded|EDQUOT/i.test(text)) return "EDQUOT";
  if (/read-only file system|attempt to write a readonly database|EROFS/i.test(text)) return "EROFS";
  return undefined;
}

/** The sentence for a code that `diskCodeInText` found, about the lake in this folder. */
export function diskFaultOfCode(code: string, folder: string): CommandError {
  const [what, next] = sentences[code] ?? [`The disk answered ${code}`, undefined];
  return new CommandError(`${what}: the lake ${folder} could not be finished.`, next);
}

function pathOf(error: unknown): string | undefined {
  return error instanceof Error && "path" in error && typeof error.path === "string" ? error.path : undefined;
}

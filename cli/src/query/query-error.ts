/** What DuckDB complains about, as a person needs to hear it. */
import { CommandError, diskFault } from "../command-error.ts";

/** DuckDB's message without its stack, and what can be queried. Errors that are none of DuckDB's stay as they are. */
export function explainQueryError(error: unknown, views: readonly string[]): unknown {
  if (!(error instanceof Error)) return error;
  const next = `Views: ${views.join(", ")}. Try: DESCRIBE ${views[0] ?? "sources"}`;
  if (error instanceof CommandError)
    return error.next === undefined ? new CommandError(error.message, next, { cause: error }) : error;
  const kind = /^(?:Failed to extract statements: )?([A-Z][A-Za-z ]*) (?:Error|exception): /.exec(error.message);
  if (kind === null) return error;
  const fault = diskFault(error);
  if (fault !== undefined) return fault;
  const missing = missingPart(error);
  if (missing !== undefined) {
    return new CommandError(
      `${missing} is missing, which a manifest of the lake names.`,
      "If the lake is being changed right now, run the query again. If it stays so, the part is lost: take its source out with airlake rm, and bring it in again with airlake run, both with this lake's --lake.",
      {
        cause: error,
      },
    );
  }
  const message = error.message.replace(/^Failed to extract statements: /, "").split("\n\nStack Trace:")[0] ?? "";
  if (kind[1] === "Permission") {
    return new CommandError("A query reads the lake's own files, and nothing else on the disk or the network.", next, {
      cause: error,
    });
  }
  if (kind[1] === "Out of Memory") {
    return new CommandError(
      "The query needs more memory than it may use.",
      "Ask for fewer columns or rows, or group by less.",
      { cause: error },
    );
  }
  return new CommandError(message.trim(), next, { cause: error });
}

/** The path of a part that is not there: deleted after its manifest was read, because its source was done again. */
export function missingPart(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const found =
    /^IO Error: (?:No files found that match the pattern|Cannot open file) "([^"]+\/[0-9a-f]{32}\.\d+-[^"/]+\.parquet)"/.exec(
      error.message,
    );
  return found?.[1];
}

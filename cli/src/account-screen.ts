/** The account as people read it. */
import { type Accounted, type SourceAccount, summed, totalsOf } from "./account.ts";
import { typed } from "./hint.ts";
import type { Out } from "./out.ts";
import { withoutSharedFolder } from "./key-names.ts";
import { type Column, displayWidth, fitsUncut, renderTable } from "./table.ts";
import { counted, grouped, lasted, printable, wrapped } from "./text.ts";

/** Lines of text longer than this are hard to read. */
const readable = 100;
/** Sources on the screen; more are a matter for `airlake sources`. */
const shownAtMost = 40;

/** Prints sources, reasons, flags and totals. */
export function printAccount(
  out: Out,
  accounts: readonly Accounted[],
  { seconds, lake }: { readonly seconds: number; readonly lake: string },
): void {
  const lines = accounts.map(({ line }) => line);
  const shown = chosen(accounts);
  for (const text of sourceTable(out, shown, lines)) out.line(text);
  if (shown.length < accounts.length) {
    out.line(
      out.style.dim(
        `… and ${counted(accounts.length - shown.length, "more source")}; all of them: ${typed("airlake sources", lake)}`,
      ),
    );
  }
  printBreakdown(out, lines);
  printTroubles(out, accounts);
  out.line();
  out.line(summary(out, lines, seconds));
}

/** What was rejected is always among those shown. */
function chosen(accounts: readonly Accounted[]): readonly Accounted[] {
  if (accounts.length <= shownAtMost) return accounts;
  const rejected = accounts.filter(({ line }) => line.outcome === "rejected").slice(0, shownAtMost);
  const others = accounts.filter(({ line }) => line.outcome !== "rejected").slice(0, shownAtMost - rejected.length);
  const shown = new Set([...rejected, ...others]);
  return accounts.filter((one) => shown.has(one));
}

function sourceTable(out: Out, shown: readonly Accounted[], lines: readonly SourceAccount[]): readonly string[] {
  const totals = totalsOf(lines);
  const sum = ["total", "", "", grouped(totals.read), grouped(totals.kept), grouped(totals.quarantined)];
  const full = {
    columns: columnsOf("source"),
    rows: [...shown.map(({ line }) => rowOf(line, line.key)), ...(lines.length > 1 ? [sum] : [])],
  };
  const table = fitsUncut(full.columns, full.rows, out.columns) ? full : narrowed(shown, full.rows);
  const rendered = renderTable(table.columns, table.rows, { width: out.columns, title: out.style.dim });
  return rendered.map((text, at) => (shown[at - 1]?.line.outcome === "rejected" ? out.style.red(text) : text));
}

function columnsOf(source: string, quarantined = "quarantined"): readonly Column[] {
  return [
    { title: source, shrinks: true },
    { title: "format", shrinks: true },
    { title: "outcome" },
    { title: "read", align: "right" },
    { title: "kept", align: "right" },
    { title: quarantined, align: "right" },
  ];
}

function rowOf(line: SourceAccount, name: string): readonly string[] {
  const isRejected = line.outcome === "rejected";
  const counts = [line.read, line.kept, line.quarantined].map((count) => (isRejected ? "–" : grouped(count)));
  return [printable(name), line.format ?? "–", line.outcome, ...counts];
}

/** Without the folder that all keys share, and with the outcome in the format's place where there is no format. */
function narrowed(
  shown: readonly Accounted[],
  rows: readonly (readonly string[])[],
): { readonly columns: readonly Column[]; readonly rows: readonly (readonly string[])[] } {
  const { folder, names } = withoutSharedFolder(shown.map(({ line }) => line.key));
  const columns = columnsOf(folder === "" ? "source" : `in ${printable(folder)}`, "quar.").filter(
    ({ title }) => title !== "outcome",
  );
  return {
    columns,
    rows: rows.map(([key = "", format = "", outcome = "", ...counts], at) => {
      const name = names[at];
      return [name === undefined ? key : printable(name), outcome === "rejected" ? outcome : format, ...counts];
    }),
  };
}

function printBreakdown(out: Out, lines: readonly SourceAccount[]): void {
  const reasons = block(out, "quarantined because of", summed(lines.map((line) => line.reasons)));
  const flags = block(out, "kept, with a flag", summed(lines.map((line) => line.flags)));
  if (reasons.length === 0 && flags.length === 0) return;
  out.line();
  const width = Math.max(0, ...reasons.map(displayWidth));
  if (reasons.length === 0 || flags.length === 0 || width + 4 + Math.max(...flags.map(displayWidth)) > out.columns) {
    for (const text of [...reasons, ...flags]) out.line(text);
    return;
  }
  for (let at = 0; at < Math.max(reasons.length, flags.length); at += 1) {
    const left = reasons[at] ?? "";
    const pair = left + " ".repeat(width - displayWidth(left) + 4) + (flags[at] ?? "");
    out.line(at === 0 ? out.style.dim(pair) : pair.trimEnd());
  }
}

function block(out: Out, title: string, counts: readonly (readonly [string, number])[]): readonly string[] {
  if (counts.length === 0) return [];
  const rows = counts.map(([name, count]) => [`  ${name}`, grouped(count)]);
  return [title, ...renderTable([{ title: "" }, { title: "", align: "right" }], rows, { width: out.columns })];
}

function printTroubles(out: Out, accounts: readonly Accounted[]): void {
  for (const { line, detail, staleRows } of accounts) {
    if (line.outcome !== "rejected") continue;
    out.line();
    out.line(`${out.style.red("rejected")} ${printable(line.key)} ${out.style.dim(`(${line.reason ?? "unknown"})`)}`);
    const width = Math.min(out.columns, readable);
    if (detail !== undefined) for (const text of wrapped(printable(detail), width, "  ")) out.line(text);
    if (staleRows !== undefined) {
      out.line(
        `  ${out.style.yellow("stale:")} the lake still shows the ${counted(staleRows, "record")} of its last good version.`,
      );
    }
  }
}

function summary(out: Out, lines: readonly SourceAccount[], seconds: number): string {
  const totals = totalsOf(lines);
  const count = (outcome: SourceAccount["outcome"]): number => lines.filter((line) => line.outcome === outcome).length;
  const parts = (["done", "unchanged", "rejected"] as const).flatMap((outcome) =>
    count(outcome) === 0 ? [] : [`${grouped(count(outcome))} ${outcome}`],
  );
  return out.style.bold(
    `${counted(lines.length, "source")} (${parts.join(", ")}): ${grouped(totals.read)} read = ${grouped(totals.kept)} kept + ${grouped(totals.quarantined)} quarantined, in ${lasted(seconds)}`,
  );
}

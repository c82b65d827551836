/** The page at /: a worker's status for a person, also on a phone, without a script. */
import type { InHand, Settled } from "./tally.ts";
import type { Depth, Status } from "./status.ts";

/** Seconds after which the browser asks again. */
const refreshSeconds = 5;

/** The whole page. Every text that comes from elsewhere is escaped. */
export function statusPage(status: Status): string {
  const { name, version } = status;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${refreshSeconds}">
<link rel="icon" href="data:,">
<title>${escaped(name)}: ${escaped(status.state)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${escaped(name)} <span class="state ${status.state.replace(" ", "-")}">${escaped(status.state)}</span></h1>
<p>Version ${escaped(version)}, since ${time(status.startedAt)} UTC. This page asks again every ${refreshSeconds} seconds.</p>
${troubles(status)}
</header>
<main>
<section>
<h2>Now</h2>
<dl>
${fact("In hand", String(status.inHand))}
${fact("Last minute", `${status.lastMinute} settled`)}
${fact(`Queue ${status.settings["queue"] ?? ""}`, depth(status.queue))}
${fact(`Dead letters ${status.settings["deadLetterQueue"] ?? ""}`, parked(status.deadLetters))}
${fact("Since the start", outcomes(status.outcomes))}
</dl>
${status.hands.length === 0 ? "" : handsTable(status.hands)}
</section>
<section>
<h2>Last outcomes</h2>
${status.last.length === 0 ? "<p>No message yet.</p>" : lastTable(status.last)}
</section>
</main>
<footer>
<a href="/status">status as JSON</a> <a href="/health/ready">ready?</a> <a href="/health/live">alive?</a> <a href="/metrics">metrics</a>
</footer>
</body>
</html>
`;
}

function troubles({ reasons, degraded }: Status): string {
  const all = [...reasons, ...degraded];
  return all.length === 0 ? "" : `<ul class="trouble">${all.map((text) => `<li>${escaped(text)}</li>`).join("")}</ul>`;
}

function fact(title: string, text: string): string {
  return `<div><dt>${escaped(title)}</dt><dd>${escaped(text)}</dd></div>`;
}

function depth(found: Depth | null): string {
  if (found === null) return "does not answer";
  const { visible, inFlight, delayed } = found;
  return `${visible} waiting, ${inFlight} in hand${delayed === 0 ? "" : `, ${delayed} delayed`}`;
}

function parked(found: Depth | null): string {
  return found === null ? "does not answer" : `${found.visible + found.inFlight + found.delayed} parked`;
}

function outcomes(counts: Status["outcomes"]): string {
  const all = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`);
  return all.length === 0 ? "nothing" : all.join(", ");
}

function handsTable(hands: readonly InHand[]): string {
  const rows = hands.map(({ key, messageId, seconds }) => [
    cell("source", key ?? `message ${messageId}`, "text"),
    cell("for", `${seconds} s`),
  ]);
  return table(["source", "for"], rows);
}

function lastTable(last: readonly Settled[]): string {
  const rows = last.map((one) => [
    cell("at", time(textOf(one, "at")).slice(11)),
    cell("outcome", textOf(one, "outcome"), `outcome ${textOf(one, "outcome").replaceAll(/[^a-z-]/g, "")}`),
    cell("source", textOf(one, "key"), "text"),
    cell("took", `${textOf(one, "durationMs")} ms`),
    cell("what", whatOf(one), "text"),
  ]);
  return table(["at (UTC)", "outcome", "source", "took", "what"], rows);
}

/** A failure's error, a rejection's sentence, the reason of a skip, or the records of what was done. */
function whatOf(one: Settled): string {
  const words = [textOf(one, "reason"), textOf(one, "detail") || textOf(one, "error")].filter((text) => text !== "");
  if (words.length > 0) return words.join(": ");
  const { rowsRead, rowsKept, rowsQuarantined } = one;
  if (rowsRead !== undefined) return `${rowsRead} read = ${rowsKept} kept + ${rowsQuarantined} quarantined`;
  const { partitionsAdded, partitionsKnown } = one;
  if (partitionsAdded !== undefined) return `${partitionsAdded} partitions added, ${partitionsKnown} known`;
  return one["sizeBytes"] === undefined ? "" : `${one["sizeBytes"]} bytes`;
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = titles.map((title) => `<th>${escaped(title)}</th>`).join("");
  const body = rows.map((cells) => `<tr>${cells.join("")}</tr>`).join("\n");
  return `<table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}

/** The title is shown beside the text where the table is too wide for the screen. */
function cell(title: string, text: string, kind = ""): string {
  return `<td data-title="${escaped(title)}" class="${kind}">${escaped(text)}</td>`;
}

function textOf(one: Settled, name: string): string {
  return String(one[name] ?? "");
}

/** `2026-11-21 14:05:09` of an ISO time. */
function time(iso: string): string {
  return escaped(iso.slice(0, 19).replace("T", " "));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (sign) => entities[sign] ?? "");
}

const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #1a7f37; --warn: #9a6700; --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --warn: #d29922; --bad: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
header p { margin: .25rem 0; opacity: .75; }
.state { font-size: .9rem; font-weight: 600; padding: .1rem .6rem; border-radius: 1rem; border: 1px solid currentcolor; vertical-align: middle; white-space: nowrap; }
.ready, .done { color: var(--good); }
.degraded, .skipped { color: var(--warn); }
.not-ready, .failed, .rejected { color: var(--bad); }
.trouble { border-left: .25rem solid var(--bad); margin: .75rem 0; padding: .5rem 1.5rem; background: var(--soft); overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .5rem; margin: 0; }
dl div { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .75rem; }
dt { font-size: .85rem; opacity: .75; overflow-wrap: anywhere; }
dd { margin: 0; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; margin-top: .5rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.text { white-space: normal; overflow-wrap: anywhere; min-width: 14rem; }
td { font-variant-numeric: tabular-nums; }
th { font-size: .85rem; opacity: .75; }
.outcome { font-weight: 600; }
footer { margin-top: 1.5rem; display: flex; flex-wrap: wrap; gap: 1rem; }
@media (max-width: 40rem) {
  thead { display: none; }
  tr { display: block; border-bottom: 1px solid var(--line); padding: .4rem 0; }
  td { display: grid; grid-template-columns: 5rem 1fr; border: 0; padding: .1rem 0; }
  td.text { min-width: 0; }
  td::before { content: attr(data-title); color: GrayText; font-weight: 400; }
}
`;

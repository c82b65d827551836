/** The status as people read it: one table of services and their queues. */
import type { Style } from "../out.ts";
import { type Column, renderTable } from "../table.ts";
import { counted, grouped, printable, shortTime, sized } from "../text.ts";
import type { LastOutcome, ServiceStatus } from "./ask-services.ts";
import type { BlownFuse, LedgerTotals, QueueStatus, Status } from "./lake-status.ts";

export interface StatusLook {
  /** Columns of the terminal; Infinity: nothing is cut. */
  readonly width: number;
  readonly style: Style;
  readonly now: Date;
  /** In a folder services run only while a command does: that none answers is no trouble. */
  readonly isFolder: boolean;
  /** What to type about a blown fuse. */
  readonly fuseCommand: string;
}

/** With less, last outcomes and versions are left out. */
const wide = 100;

/** A line for each service process, then what is not as it should be. */
export function statusLines({ services, queues, blown }: Omit<Status, "ledger">, look: StatusLook): readonly string[] {
  const isWide = look.width >= wide;
  const rows = services.map((service, at) => {
    const isFirst = services.findIndex(({ queue }) => queue === service.queue) === at;
    const queue = isFirst ? queues.find((one) => one.queue === service.queue) : undefined;
    return rowOf(service, { queue, look, isOnly: isOnly(service, services) });
  });
  const isShown = (column: Column): boolean =>
    isWide || (column.title !== "version" && column.title !== "last outcome");
  const shown = columns.map(isShown);
  const table = renderTable(
    columns.filter(isShown),
    rows.map((row) => row.filter((_, at) => shown[at])),
    { width: look.width, title: look.style.dim },
  );
  const fuses = blown.map((fuse) => look.style.red(`${fuseText(fuse)}; see: ${look.fuseCommand}`));
  return [
    ...table.map((text, at) => painted(text, services[at - 1], look)),
    ...troubles(services, look),
    ...(fuses.length === 0 ? [] : ["", ...fuses]),
  ];
}

/** Without what to do about it, which is always the same. */
export function fuseText({ dataset, since }: BlownFuse): string {
  return `The fuse of ${printable(dataset)} is blown since ${shortTime(since)} UTC: what is gone from raw stays in the lake until a person has spoken`;
}

const columns: readonly Column[] = [
  { title: "service" },
  { title: "state" },
  { title: "version" },
  { title: "in hand", align: "right" },
  { title: "waiting", align: "right" },
  { title: "oldest", align: "right" },
  { title: "parked", align: "right" },
  { title: "per min", align: "right" },
  { title: "last outcome", shrinks: true },
];

function isOnly(service: ServiceStatus, services: readonly ServiceStatus[]): boolean {
  return services.filter(({ queue }) => queue === service.queue).length === 1;
}

function rowOf(
  service: ServiceStatus,
  {
    queue,
    look,
    isOnly: only,
  }: { readonly queue: QueueStatus | undefined; readonly look: StatusLook; readonly isOnly: boolean },
): readonly string[] {
  // With nobody to ask, the queue still says what is in flight.
  const inHand = service.state === "unreachable" ? (queue?.inHand ?? 0) : service.inHand;
  return [
    only ? service.service : named(service),
    stateText(service, look),
    service.version ?? "–",
    grouped(inHand),
    queue === undefined ? "" : grouped(queue.waiting),
    service.oldestSeconds === null ? "–" : ago(service.oldestSeconds),
    queue === undefined ? "" : grouped(queue.parked),
    grouped(service.perMinute),
    service.last === null ? "–" : outcomeText(service.last, look.now),
  ];
}

/** `cleaner 8121`: several processes of one service are told apart by their ports. */
export function named({ service, at }: Pick<ServiceStatus, "service" | "at">): string {
  return at === null ? service : `${service} ${at.slice(at.lastIndexOf(":") + 1)}`;
}

function stateText({ state, at }: ServiceStatus, { isFolder }: Pick<StatusLook, "isFolder">): string {
  return isFolder && state === "unreachable" && at === null ? "not running" : state;
}

function outcomeText({ at, outcome, reason, key }: LastOutcome, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(at)) / 1000));
  const what = [outcome, ...(reason === undefined ? [] : [`(${reason})`]), ...(key === undefined ? [] : [key])];
  return printable(`${what.join(" ")}, ${ago(seconds)} ago`);
}

/** `12 s`, `5 min`, `3 h`, `2 d`. */
function ago(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

function painted(text: string, service: ServiceStatus | undefined, { style, isFolder }: StatusLook): string {
  if (service === undefined || service.state === "up") return text;
  if (service.state === "unreachable" && isFolder) return style.dim(text);
  return service.state === "unreachable" || service.state === "not ready" ? style.red(text) : style.yellow(text);
}

function troubles(services: readonly ServiceStatus[], look: StatusLook): readonly string[] {
  const told = services.flatMap((service) =>
    service.reasons
      .filter((reason) => reason !== service.state)
      .map((reason) => `${named(service)} is ${service.state}: ${printable(reason)}`),
  );
  const away = services.filter(({ state, at }) => state === "unreachable" && at === null).map(({ service }) => service);
  const silent =
    look.isFolder || away.length === 0
      ? []
      : [`${away.join(", ")}: no health port answers; others are given with --health`];
  return [...told, ...silent].length === 0 ? [] : ["", ...told, ...silent];
}

/** What the ledger counts, above the table. */
export function ledgerLines(status: Status, style: Style): readonly string[] {
  const { ledger } = status;
  const title = (text: string): string => style.dim(text.padEnd(11));
  if (ledger === undefined) return [];
  if (ledger.kind === "counted")
    return [`${title("lake")} ${status.lake}`, `${title("sources")} ${grouped(ledger.knownSources)} known`, ""];
  const { records } = ledger;
  return [
    `${title("lake")} ${status.lake} (${sized(ledger.sizeBytes)})`,
    `${title("sources")} ${statesText(ledger, style)}`,
    `${title("records")} ${grouped(records.read)} read = ${grouped(records.kept)} kept + ${grouped(records.quarantined)} quarantined`,
    `${title("last change")} ${ledger.lastCommit === null ? "never" : `${shortTime(ledger.lastCommit)} UTC`}`,
    "",
  ];
}

function statesText({ sources }: LedgerTotals, style: Style): string {
  return [
    `${grouped(sources.current)} current`,
    ...(sources.rejected === 0 ? [] : [style.red(`${grouped(sources.rejected)} rejected`)]),
    ...(sources.stale === 0 ? [] : [style.yellow(`${grouped(sources.stale)} of them stale`)]),
    ...(sources.retracted === 0 ? [] : [`${grouped(sources.retracted)} removed`]),
    ...(sources.new === 0 ? [] : [`${grouped(sources.new)} unfinished`]),
  ].join(", ");
}

/** What lies on the queues of a folder in which nothing runs; undefined where nothing does. */
export function leftText({ services, queues }: Status): string | undefined {
  const left = queues.reduce((sum, { waiting, inHand }) => sum + waiting + inHand, 0);
  if (left === 0 || services.some(({ state }) => state !== "unreachable")) return undefined;
  return `${counted(left, "message")} of an interrupted or running command; the next run works on them.`;
}

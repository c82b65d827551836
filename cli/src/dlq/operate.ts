/** The story of an action on dead messages: look, plan, show; and only with the plan's hash, do exactly that. */
import type { AuditRecord } from "@airlake/shared/contracts/audit";

import { type Audit, beginAudit } from "../audit.ts";
import { CommandError } from "../command-error.ts";
import { typed } from "../hint.ts";
import { placeOf } from "../ledger.ts";
import type { OpenedLake } from "../opened-lake.ts";
import { counted, grouped } from "../text.ts";
import type { LakeOptions, VerbDeps } from "../verb.ts";
import type { Dead } from "./dead.ts";
import { type FilterOptions, filterText, filtered } from "./filter.ts";
import { type Look, lookInto, releaseOthers } from "./look.ts";
import { type Action, auditItems, nextCommand, planHash, planOf } from "./plan.ts";
import { printPlan } from "./plan-screen.ts";
import { boxesOf } from "./stages.ts";

export interface OperateOptions extends LakeOptions, FilterOptions {
  readonly yes: boolean;
  readonly plan?: string;
  readonly limit?: number;
  readonly force: boolean;
}

export interface Operation {
  readonly action: Action;
  /** As it is typed after `airlake dlq`. */
  readonly verb: string;
  /** Options of the verb that the next command must repeat. */
  readonly more: readonly string[];
  readonly because?: string;
}

/** More than this are a matter to think about twice. */
const mostUnforced = 1000;

export interface Running {
  readonly opened: OpenedLake;
  readonly signal: AbortSignal;
}

/** A look that found what a filter means. */
export interface Selection {
  readonly look: Look;
  readonly items: readonly Dead[];
}

/** Receives, and lets go at once of all that is not meant. Throws CommandError where the look was interrupted or not whole. */
export async function select(
  { opened, signal }: Running,
  options: OperateOptions,
  { action }: Operation,
): Promise<Selection> {
  const look = await lookInto(opened, boxesOf(opened, action === "drop" ? "queued" : "dead", options.stage), signal);
  const meant = filtered(look.dead, options);
  const items = options.limit === undefined ? meant : meant.slice(0, options.limit);
  await releaseOthers(look, items);
  if (look.boxes.every(({ hold }) => hold.complete)) return { look, items };
  await releaseOthers(look);
  if (signal.aborted) throw new CommandError("Stopped while looking. Nothing was done.", undefined, { exitCode: 130 });
  throw new CommandError(
    "The look into the queues ended before it was through, so there is no plan. Nothing was done.",
    "Give the same command again, or name a --stage.",
  );
}

/** Shows the plan and the command that does it; lets go of everything. */
export async function showPlan(
  deps: VerbDeps,
  { opened, look, items }: Selection & { readonly opened: OpenedLake },
  options: OperateOptions,
  operation: Operation,
): Promise<void> {
  await releaseOthers(look);
  const plan = await planOf(opened, operation.action, items);
  const limit = options.limit === undefined ? [] : ["--limit", String(options.limit)];
  const force = items.length > mostUnforced ? ["--force"] : [];
  const more = [...limit, ...operation.more, ...force];
  const next = typed(nextCommand(operation.verb, { items, hash: plan.hash }, { ...options, more }), options.lake);
  if (options.json) return deps.out.line(JSON.stringify({ ...plan, next: items.length === 0 ? null : next }));
  if (items.length === 0) return deps.out.line("No message matches. Nothing is to be done.");
  printPlan(deps.out, plan, opened.clock.now());
  deps.out.line(`Plan ${deps.out.style.bold(plan.hash)}. To do exactly this:\n  ${next}`);
}

/** Refuses whatever is not the plan that was reviewed. Throws CommandError; then nothing was done. */
export function checkPlan(selection: Selection, options: OperateOptions, operation: Operation): void {
  const { items } = selection;
  const again = `Look again: airlake dlq ${operation.verb}, with the same options and without --yes. Nothing was done.`;
  if (options.plan === undefined) throw new CommandError("--yes wants the plan that you have seen.", again);
  const hash = planHash(operation.action, items);
  if (hash !== options.plan)
    throw new CommandError(
      `This is not the plan ${options.plan}: ${counted(items.length, "message")} of plan ${hash} match now. ` +
        "Some have come or gone meanwhile, or are in somebody's hands, or the options differ.",
      again,
    );
  if (items.length === 0)
    throw new CommandError("No message matches.", `See what there is: ${typed("airlake dlq ls --scan", options.lake)}`);
  if (items.length > mostUnforced && !options.force)
    throw new CommandError(
      `${counted(items.length, "message")} are more than ${grouped(mostUnforced)}.`,
      "Take some with --limit, or all of them with --force. Nothing was done.",
    );
}

/** The detail of an action that a person stopped. */
export const byPerson = "the person wished to stop";

/** Writes the audit around the work, and lets go of what was not done, whatever happens. */
export async function audited(
  { opened, signal }: Running,
  { look, items }: Selection,
  about: { readonly options: OperateOptions; readonly operation: Operation },
  work: (audit: Audit) => Promise<string | undefined>,
): Promise<AuditRecord> {
  const { options, operation } = about;
  const limit = options.limit === undefined ? {} : { limit: String(options.limit) };
  try {
    const audit = await beginAudit(placeOf(opened), opened.clock, {
      action: `dlq-${operation.action}`,
      filter: { ...filterText(options), ...limit },
      items: auditItems(items),
      ...(options.plan === undefined ? {} : { planHash: options.plan }),
      ...(operation.because === undefined ? {} : { because: operation.because }),
    });
    try {
      const stopped = await work(audit);
      if (signal.aborted) return await audit.end("stopped", byPerson);
      return await audit.end(stopped === undefined ? "done" : "stopped", stopped);
    } catch (error) {
      await audit.end("failed", error instanceof Error ? error.message : String(error));
      throw error;
    }
  } finally {
    await releaseOthers(look);
  }
}

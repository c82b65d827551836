/** Dead messages for the commands that only read: from the records, or by looking into the queues too. */
import type { OpenedLake } from "../opened-lake.ts";
import { placeOf } from "../ledger.ts";
import type { VerbDeps } from "../verb.ts";
import { type Dead, deadByRecords } from "./dead.ts";
import { readFailureLedger } from "./failure-ledger.ts";
import { lookInto, releaseOthers } from "./look.ts";
import { type Service, boxesOf } from "./stages.ts";

/** What the failure records say; the queues are not touched. */
export async function recorded(opened: OpenedLake): Promise<readonly Dead[]> {
  const now = opened.clock.now();
  return deadByRecords(await readFailureLedger(placeOf(opened), now), now);
}

/** What lies in the dead-letter queues, of one stage where it is named. Every message is released again. */
export async function scanned(
  deps: VerbDeps,
  opened: OpenedLake,
  { stage }: { readonly stage?: Service | undefined },
): Promise<readonly Dead[]> {
  using interruption = deps.interruption();
  const look = await lookInto(opened, boxesOf(opened, "dead", stage), interruption.signal);
  await releaseOthers(look);
  return look.dead;
}

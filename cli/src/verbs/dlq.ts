/** `airlake dlq`: the messages that died, why, and what can be done about it. */
import type { Command } from "commander";

import { examples } from "../examples.ts";
import type { ExitCode, VerbDeps } from "../verb.ts";
import { addDlqDiscard } from "./dlq-discard.ts";
import { addDlqExport } from "./dlq-export.ts";
import { addDlqLs } from "./dlq-ls.ts";
import { addDlqReplay } from "./dlq-replay.ts";
import { addDlqShow } from "./dlq-show.ts";
import { addDlqStatus } from "./dlq-status.ts";

export function addDlq(verb: Command, deps: VerbDeps, finish: (code: ExitCode) => void): void {
  verb
    .description(
      "Looks at the messages in the dead-letter queues: why they died, what their sources are now. Sends them again, or lets them go.",
    )
    .addHelpText(
      "after",
      examples([
        ["airlake dlq ls", "what died, by stage and reason"],
        ["airlake dlq show --reason truncated-gzip", "why, and what the sources are now"],
        ["airlake dlq replay --reason truncated-gzip", "what would be sent again; nothing is sent yet"],
      ]),
    );
  addDlqLs(verb, deps, finish);
  addDlqShow(verb, deps, finish);
  addDlqReplay(verb, deps, finish);
  addDlqDiscard(verb, deps, finish);
  addDlqExport(verb, deps, finish);
  addDlqStatus(verb, deps, finish);
}

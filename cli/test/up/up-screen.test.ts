import { describe, expect, test } from "vitest";

import { createOut } from "../../src/out.ts";
import { displayWidth } from "../../src/table.ts";
import { readLogLine } from "../../src/up/log-line.ts";
import { type SettledSource, createSettledSources } from "../../src/up/settled-sources.ts";
import { createTallies } from "../../src/up/tallies.ts";
import { blockLines, settledText } from "../../src/up/up-text.ts";

function settledLine(service: string, facts: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ service, msg: "message settled", messageId: "m", key: "openaq/a.csv", ...facts });
}

/** What is told of these log lines. */
function toldOf(lines: readonly string[]): readonly SettledSource[] {
  const settledBy = createSettledSources();
  return lines.flatMap((text) => {
    const line = readLogLine(text);
    const settled = line === undefined ? undefined : settledBy(line);
    return settled === undefined ? [] : [settled];
  });
}

const cleaned = settledLine("cleaner", {
  outcome: "done",
  state: "current",
  rowsRead: 4,
  rowsKept: 3,
  rowsQuarantined: 1,
  durationMs: 200,
});
const joined = settledLine("joiner", { outcome: "done", state: "current", rowsRead: 3, parts: 2, durationMs: 50 });
const skipped = (service: string, reason: string): string => settledLine(service, { outcome: "skipped", reason });

describe("a source that is through", () => {
  test("is told of once, with the cleaner's counts and the joiner's partitions", () => {
    const [settled, ...others] = toldOf([cleaned, joined, skipped("joiner", "already-current")]);

    expect(settled).toEqual({
      key: "openaq/a.csv",
      outcome: "done",
      read: 4,
      kept: 3,
      quarantined: 1,
      partitions: 2,
      seconds: 0.25,
    });
    expect(others).toEqual([]);
  });

  test("is unchanged, removed or rejected, and a rejected one is told of by its cleaner alone", () => {
    const removed = { outcome: "done", state: "retracted" };
    const rejected = settledLine("cleaner", { outcome: "rejected", reason: "empty-file", detail: "It is empty." });

    expect(
      toldOf([skipped("cleaner", "already-current"), skipped("joiner", "already-current")]).map((one) => one.outcome),
    ).toEqual(["unchanged"]);
    expect(toldOf([settledLine("cleaner", removed), settledLine("joiner", removed)]).map((one) => one.outcome)).toEqual(
      ["removed"],
    );
    expect(toldOf([rejected, joined])).toMatchObject([{ outcome: "rejected", reason: "empty-file" }]);
    expect(toldOf([skipped("cleaner", "already-rejected"), skipped("joiner", "already-current")])).toMatchObject([
      { outcome: "rejected", reason: "already-rejected" },
    ]);
  });

  test("cannot move the cursor by its name", () => {
    const plain = createOut({ write: () => true }, { write: () => true }, {}).style;
    const settled = { key: "openaq/\u001B[2J.csv", outcome: "removed", read: 0, kept: 0, quarantined: 0 } as const;

    expect(settledText({ ...settled, partitions: 0, seconds: 0 }, plain)).toBe("removed  openaq/␛[2J.csv");
  });
});

describe("the block", () => {
  const depth = { waiting: 1, inHand: 2 };

  test("counts by service, and a message that failed until it is settled", () => {
    const tallies = createTallies();
    const failed = JSON.stringify({ service: "cleaner", msg: "message failed", messageId: "m" });
    for (const text of [cleaned, failed]) tallies.add(readLogLine(text)!);
    const failing = tallies.of("cleaner").failing;
    tallies.add(readLogLine(cleaned)!);

    expect(failing).toBe(1);
    expect(tallies.of("cleaner")).toEqual({ done: 2, skipped: 0, rejected: 0, failing: 0 });
    expect(tallies.of("ingestor")).toEqual({ done: 0, skipped: 0, rejected: 0, failing: 0 });
  });

  test("has always as many lines, none wider than the terminal", () => {
    const tally = { done: 3, skipped: 0, rejected: 1, failing: 0 };
    const facts = {
      depths: { ingest: depth, clean: depth, join: depth, catalog: depth },
      tallies: { ingest: tally, clean: tally, join: tally, catalog: tally },
      drop: { waited: 1, brought: 0 },
      last: toldOf([cleaned, joined]),
    };

    const lines = blockLines(facts, 70, 3);

    expect(lines).toHaveLength(9);
    expect(lines[2]).toBe("cleaner             1        2     3        0         1        0");
    expect(lines[5]).toBe("drop folder: 1 being written, 0 being brought in");
    expect(lines[6]).toMatch(/^done {2}openaq\/a\.csv: 4 read/);
    expect(blockLines(facts, 40, 3).filter((text) => displayWidth(text) > 40)).toEqual([]);
  });

  test("is taken away whole before a line, and drawn again below it", () => {
    let written = "";
    const stream = {
      isTTY: true,
      columns: 40,
      write: (text: string | Uint8Array) => ((written += String(text)), true),
    };
    const out = createOut(stream, stream, { NO_COLOR: "1" });
    out.status("one\ntwo\nthree");
    written = "";

    out.line("a result");

    expect(written).toBe("\r\u001B[2K\u001B[1A\u001B[2K\u001B[1A\u001B[2Ka result\none\ntwo\nthree");
  });
});

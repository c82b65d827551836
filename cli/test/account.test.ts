import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Manifest } from "@airlake/shared/contracts/manifest";

import { type Seen, accountOf, discrepancies, summed, totalsOf } from "../src/account.ts";

const nothing = { cleaner: undefined, joiner: undefined };

function manifest(stage: "cleaner" | "joiner", changes: Partial<Manifest> = {}): Manifest {
  return {
    contract: "manifest/1",
    stage,
    dataset: "openaq",
    source: { bucket: "raw", key: "openaq/a.csv" },
    sourceId: "0".repeat(32),
    generation: 3,
    attempt: "a",
    state: "current",
    stale: false,
    input: { identity: stage === "cleaner" ? '"etag"' : "3" },
    fingerprint: "",
    rulePack: 1,
    format: "openaq-legacy-csv",
    referenceTime: null,
    counts: { read: 5, kept: 3, quarantined: 2, reasons: { "bad-value": 2 }, flags: { "negative-noise": 1 } },
    rejection: null,
    outputs: [],
    pending: [],
    debris: [],
    versions: [],
    timings: {},
    committedAt: null,
    correlationId: "c",
    workerVersion: "0",
    ...changes,
  };
}

function gold(partition: string, rows: number): Manifest["outputs"][number] {
  return { bucket: "gold", key: `g/${partition}/${rows}`, rows, bytes: 1, role: "gold", partition };
}

const joined = manifest("joiner", { outputs: [gold("country=BE", 2), gold("country=FR", 1)] });
const good: Seen = {
  key: "openaq/a.csv",
  before: nothing,
  after: { cleaner: manifest("cleaner"), joiner: joined },
  etag: '"etag"',
};
const rejection = { reason: "empty-file", detail: "It is empty.", failureKey: "f", parked: true };

describe("the account of a source", () => {
  test("is done with its counts, and unchanged where neither stage wrote anything", () => {
    const unchanged = { ...good, before: good.after };
    const joinedAgain = { ...good, before: { ...good.after, joiner: manifest("joiner", { generation: 2 }) } };

    expect(accountOf(good).line).toEqual({
      key: "openaq/a.csv",
      format: "openaq-legacy-csv",
      outcome: "done",
      read: 5,
      kept: 3,
      quarantined: 2,
      reasons: { "bad-value": 2 },
      flags: { "negative-noise": 1 },
      partitions: 2,
    });
    expect(accountOf(unchanged).line.outcome).toBe("unchanged");
    expect(accountOf(joinedAgain).line.outcome).toBe("done");
  });

  test("is rejected with nothing read, and tells of the rows that stay", () => {
    const cleaner = manifest("cleaner", { state: "rejected", stale: true, rejection });

    const { line, detail, staleRows } = accountOf({ ...good, after: { cleaner, joiner: joined } });

    expect(line).toMatchObject({ outcome: "rejected", reason: "empty-file", read: 0, kept: 0, partitions: 0 });
    expect([detail, staleRows]).toEqual(["It is empty.", 3]);
  });

  test("takes no older state for the file's own: not an older version, an older rejection, an older join", () => {
    const older = accountOf({ ...good, before: good.after, etag: '"newer"' });
    const olderRejection = accountOf({
      ...good,
      after: { cleaner: manifest("cleaner", { state: "rejected", rejection }), joiner: joined },
      etag: '"newer"',
    });
    const olderJoin = accountOf({
      ...good,
      after: { cleaner: manifest("cleaner", { generation: 4 }), joiner: joined },
    });

    for (const { line } of [older, olderRejection, olderJoin]) {
      expect(line.outcome).toBe("rejected");
      expect(line.reason).toMatch(/^failed: the (cleaner|joiner) did not get to it/);
    }
  });

  test("names why a message failed, was parked or was refused", () => {
    const failing = accountOf({ ...good, failing: "no connection" });
    const parked = accountOf({ ...good, after: nothing, parked: { reason: "unknown-dataset", detail: "No such." } });
    const mended = accountOf({ ...good, parked: { reason: "transient", detail: "It was full." } });
    const refused = accountOf({ ...good, refused: { reason: "source-not-found", detail: "404" } });

    expect(failing.line.reason).toBe("failed: no connection");
    expect([parked.line.reason, parked.detail]).toEqual(["unknown-dataset", "No such."]);
    expect(mended.line.outcome).toBe("done");
    expect(refused.line).toMatchObject({ outcome: "rejected", reason: "source-not-found" });
  });

  test("that does not add up is found: in its counts, its reasons, its rows in gold", () => {
    const counts = { read: 6, kept: 3, quarantined: 2, reasons: { "bad-value": 1 }, flags: {} };
    const wrong: Seen = { ...good, after: { cleaner: manifest("cleaner", { counts }), joiner: manifest("joiner") } };

    expect(discrepancies([good], [accountOf(good)])).toEqual([]);
    expect(discrepancies([wrong], [accountOf(wrong)])).toEqual([
      "openaq/a.csv: 6 read, but 3 kept + 2 quarantined",
      "openaq/a.csv: 2 quarantined, but 1 by reason",
      "openaq/a.csv: 3 kept, but 0 rows in the lake",
    ]);
  });

  test("adds up over sources, whatever the counts", () => {
    const counts = fc.record({ kept: fc.nat(1000), quarantined: fc.nat(1000) });

    fc.assert(
      fc.property(fc.array(counts, { maxLength: 8 }), (all) => {
        const lines = all.map(({ kept, quarantined }) => ({
          ...accountOf(good).line,
          read: kept + quarantined,
          kept,
          quarantined,
          reasons: { "bad-value": quarantined },
        }));
        const totals = totalsOf(lines);

        expect(totals.read).toBe(totals.kept + totals.quarantined);
        expect(Object.fromEntries(summed(lines.map(({ reasons }) => reasons)))["bad-value"] ?? 0).toBe(
          totals.quarantined,
        );
      }),
    );
  });
});

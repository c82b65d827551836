import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type FileFacts, createSettling, quietMs } from "../../src/up/settling.ts";

/** A file as it is when it was just written to. */
function written(sizeBytes: number, atMs: number, more: Partial<FileFacts> = {}): FileFacts {
  const ns = BigInt(Math.round(atMs * 1_000_000));
  return { sizeBytes, writtenNs: ns, changedNs: ns, inode: 7n, ...more };
}

describe("a file in the drop folder", () => {
  test("is whole when nothing was written to it for a while", () => {
    const settling = createSettling();
    const looks = [0, 100, 1500, 2000, 3499, 3500].map((atMs) => {
      const facts = atMs < 2000 ? written(10, 0) : written(20, 1900);
      return [atMs, atMs === 1500 ? "not looked" : settling.look("a", facts, atMs)];
    });

    expect(looks).toEqual([
      [0, false],
      [100, false],
      [1500, "not looked"],
      [2000, false],
      [3499, false],
      [3500, true],
    ]);
    expect(settling.count()).toBe(0);
  });

  test("is whole at once when its last change is no write, or when its name came and no write was told of", () => {
    const settling = createSettling();
    const renamed = written(10, 0, { changedNs: 5_000_000n });
    settling.came("b");
    settling.came("c");
    settling.wasWritten("c");

    const first = [settling.look("a", renamed, 0), settling.look("b", written(10, 0), 0)];
    settling.look("c", written(10, 0), 0);
    const soon = settling.due(50);
    const second = [settling.look("a", renamed, 50), settling.look("b", written(10, 0), 300)];

    expect(first).toEqual([false, false]);
    expect(soon).toEqual(["a"]);
    expect(second).toEqual([true, true]);
    expect(settling.look("c", written(10, 0), 310)).toBe(false);
    expect(settling.nextDueMs()).toBe(quietMs);
  });

  test("that was told of as written after its first look is in no hurry any more", () => {
    const settling = createSettling();
    settling.came("a");
    settling.look("a", written(10, 0), 0);

    settling.wasWritten("a");

    expect(settling.look("a", written(10, 0), 310)).toBe(false);
    expect(settling.look("a", written(10, 0), quietMs)).toBe(true);
  });

  test("that grows without a word is in no hurry either, but another file under its name is", () => {
    const settling = createSettling();
    settling.came("a");
    settling.came("b");
    settling.look("a", written(10, 0), 0);
    settling.look("b", written(10, 0), 0);

    settling.look("a", written(20, 0), 100);
    settling.look("b", written(20, 0, { inode: 8n }), 100);

    expect(settling.look("a", written(20, 0), 500)).toBe(false);
    expect(settling.look("b", written(20, 0, { inode: 8n }), 500)).toBe(true);
  });

  test("that is empty is never whole at once: its writer may only have begun", () => {
    const settling = createSettling();
    settling.came("a");

    settling.look("a", written(0, 0, { changedNs: 5_000_000n }), 0);

    expect(settling.look("a", written(0, 0, { changedNs: 5_000_000n }), 400)).toBe(false);
  });

  test("that was postponed waits, unless it changes", () => {
    const settling = createSettling();
    settling.postpone("a", written(10, 0), 9000);
    settling.postpone("b", written(10, 0), 9000);

    expect(settling.look("a", written(10, 0), 8000)).toBe(false);
    expect(settling.look("a", written(10, 0), 9000)).toBe(true);
    expect(settling.look("b", written(11, 100), 200)).toBe(false);
    expect(settling.look("b", written(11, 100), 200 + quietMs)).toBe(true);
  });

  test("is never taken while it is being written, however the looks fall", () => {
    const pauses = fc.array(fc.integer({ min: 1, max: quietMs - 10 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(pauses, fc.integer({ min: 5, max: 400 }), fc.boolean(), (writerPauses, everyMs, isToldOf) => {
        const settling = createSettling();
        const writes = [0];
        for (const pause of writerPauses) writes.push(writes.at(-1)! + pause);
        const end = writes.at(-1) ?? 0;
        let size = 0;
        let lastMs = 0;
        if (isToldOf) settling.came("a");
        for (let nowMs = 0; nowMs <= end; nowMs += everyMs) {
          for (; writes[size] !== undefined && writes[size]! <= nowMs; size += 1) {
            lastMs = writes[size]!;
            if (isToldOf) settling.wasWritten("a");
          }

          expect(settling.look("a", written(size, lastMs), nowMs)).toBe(false);
        }
      }),
    );
  });
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { screenOf } from "../src/config.ts";
import { listenForInterruption } from "../src/interruption.ts";
import { withoutSharedFolder } from "../src/key-names.ts";
import { nearKeys } from "../src/near-keys.ts";
import { createOut } from "../src/out.ts";
import { displayWidth, renderTable, shortened } from "../src/table.ts";
import { lasted, printable, shellWord, sized, wrapped } from "../src/text.ts";

const anyText = fc.string({ unit: fc.constantFrom("a", "-", " ", "é", "水", "한", "🌲", "e\u0301", "ש", "/", "x") });

describe("a table", () => {
  test("lines up in every script, and keeps to the width by cutting the middle of what may shrink", () => {
    const columns = [
      { title: "place", shrinks: true },
      { title: "n", align: "right" as const },
    ];
    const rows = [
      ["Beijing 北京市朝阳区", "1"],
      ["Grünau im Wald 🌲", "22,222"],
      ["a rather long name of a station.csv", "333"],
    ];

    expect(renderTable(columns, rows, { width: 30 })).toEqual([
      "place                        n",
      "Beijing 北京市朝阳区         1",
      "Grünau im Wald 🌲       22,222",
      "a rather … station.csv     333",
    ]);
  });

  test("never is wider than it may be, as long as its columns can shrink", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyText, anyText), { maxLength: 5 }),
        fc.integer({ min: 30, max: 90 }),
        (rows, width) => {
          const lines = renderTable(
            [
              { title: "a", shrinks: true },
              { title: "b", shrinks: true },
            ],
            rows,
            { width },
          );

          for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
        },
      ),
    );
  });

  test("shortens text to the width at most, and leaves what fits", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 3, max: 20 }), (text, width) => {
        const short = shortened(text, width);

        expect(displayWidth(short)).toBeLessThanOrEqual(width);
        if (displayWidth(text) <= width) expect(short).toBe(text);
      }),
    );
  });
});

describe("text", () => {
  test("of others cannot move the cursor or turn the line round", () => {
    expect(printable("a\u001B[2Jb\nc\u0007\u0085\u202Ed")).toBe("a␛[2Jb␊c␇\\u0085\\u202ed");
  });

  test("is wrapped at blanks, indented, and one line where the width does not matter", () => {
    expect(wrapped("one two three four", 11, "  ")).toEqual(["  one two", "  three", "  four"]);
    expect(wrapped("one two three four", Infinity, "  ")).toEqual(["  one two three four"]);
  });

  test("tells sizes, times and words for the shell", () => {
    expect([0, 999, 1000, 14_230_000, 3e12].map(sized)).toEqual(["0 B", "999 B", "1.0 kB", "14.2 MB", "3.0 TB"]);
    expect([0.04, 12.34, 125].map(lasted)).toEqual(["0.0 s", "12.3 s", "2 min 5 s"]);
    expect(["data/x.csv", "my lake", "it's"].map(shellWord)).toEqual([
      "data/x.csv",
      "'my lake'",
      String.raw`'it'\''s'`,
    ]);
  });
});

describe("keys", () => {
  test("in one folder are told from one another without it", () => {
    expect(withoutSharedFolder(["openaq/d/a.csv", "openaq/d/b/c.csv"])).toEqual({
      folder: "openaq/d/",
      names: ["a.csv", "b/c.csv"],
    });
    expect(withoutSharedFolder(["openaq/day1/a.csv", "openaq/day2/a.csv"]).folder).toBe("openaq/");
    expect(withoutSharedFolder(["openaq/a", "rivers/a"])).toEqual({ folder: "", names: ["openaq/a", "rivers/a"] });
    expect(withoutSharedFolder(["openaq/a.csv"])).toEqual({ folder: "", names: ["openaq/a.csv"] });
  });

  test("that were mistyped are found by their name or a few letters, others are not", () => {
    const keys = ["openaq/2018/day.csv", "openaq/week.csv", "openaq/2018/days.csv"];

    expect(nearKeys("day.csv", keys)[0]).toBe("openaq/2018/day.csv");
    expect(nearKeys("openaq/2018/dya.csv", keys)).toContain("openaq/2018/day.csv");
    expect(nearKeys("openaq/wek.csv", keys)[0]).toBe("openaq/week.csv");
    expect(nearKeys("something/else/entirely.parquet", keys)).toEqual([]);
  });
});

describe("the terminal", () => {
  test("gets colours where somebody looks, unless they wish none", () => {
    const looked = { isTTY: true, columns: 80 };

    expect(screenOf(looked, {})).toEqual({ live: true, colour: true, columns: 80 });
    expect(screenOf(looked, { NO_COLOR: "1" }).colour).toBe(false);
    expect(screenOf(looked, { NO_COLOR: "" }).colour).toBe(true);
    expect(screenOf(looked, { TERM: "dumb" })).toMatchObject({ live: false, colour: false });
    expect(screenOf({}, {})).toEqual({ live: false, colour: false, columns: Infinity });
    expect(screenOf({}, { FORCE_COLOR: "1", COLUMNS: "90" })).toEqual({ live: false, colour: true, columns: 90 });
  });

  test("shows one updated line, which makes way for every other", () => {
    let written = "";
    const stream = {
      isTTY: true,
      columns: 20,
      write: (text: string | Uint8Array) => ((written += text.toString()), true),
    };
    const out = createOut(stream, stream, { NO_COLOR: "1" });

    out.status("working on it, 1 of 2, for a long time");
    out.note("a word");
    out.status(undefined);
    out.line("the end");

    expect(written).toBe("working on it, 1 of\r\u001B[2Ka word\nworking on it, 1 of\r\u001B[2Kthe end\n");
  });

  test("is asked to stop once by one Ctrl-C that comes twice, and stops at once by a second one", () => {
    const listeners = new Map<string, () => void>();
    let nowMs = 0;
    const exits: number[] = [];
    const target = {
      on: (name: string, listener: () => void) => listeners.set(name, listener),
      off: (name: string) => listeners.delete(name),
      exit: (code: number) => exits.push(code) as never,
    };
    const interruption = listenForInterruption(target, () => nowMs);

    listeners.get("SIGINT")?.();
    listeners.get("SIGINT")?.();
    const afterTwo = [...exits];
    nowMs = 1500;
    listeners.get("SIGINT")?.();
    interruption[Symbol.dispose]();

    expect(interruption.signal.aborted).toBe(true);
    expect(interruption.exitCode()).toBe(130);
    expect(afterTwo).toEqual([]);
    expect(exits).toEqual([130]);
    expect(listeners.size).toBe(0);
  });
});

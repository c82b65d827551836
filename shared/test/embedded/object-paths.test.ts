import { join, normalize, sep } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEventKey } from "../../src/contracts/s3-event.ts";
import { encodeEventKey } from "../../src/embedded/event-key.ts";
import { keyOfPath, pathOfKey, spareMark } from "../../src/embedded/object-paths.ts";

/** Keys in which everything that needs care is common. */
const awkward = fc.array(
  fc.constantFrom(
    "/",
    ".",
    "..",
    "%",
    "%2E",
    "%25",
    "%!",
    "%-",
    "%_",
    "\0",
    "a",
    "é",
    "日",
    "😀",
    " ",
    "+",
    "=",
    "x".repeat(249),
    "日".repeat(90),
  ),
  { maxLength: 12 },
);
const keys = fc.oneof(
  awkward.map((parts) => parts.join("")),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 300 }),
);

describe("a key's path", () => {
  it.each([
    ["openaq/2018/02/2018-02-15.csv.gz", "openaq/2018/02/2018-02-15.csv.gz"],
    ["country=BE/año 1+2 (x).csv", "country=BE/año 1+2 (x).csv"],
    ["100%", "100%25"],
    ["a//b", "a/%!/b"],
    ["/a/", "%!/a/%!"],
    ["../x/.", "%2E%2E/x/%2E"],
    ["...", "..."],
    ["x".repeat(260), `${"x".repeat(250)}%-/${"x".repeat(10)}`],
    [`${"x".repeat(250)}..`, `${"x".repeat(250)}%-/%2E%2E`],
  ])("of %s is %s", (key, path) => {
    expect(pathOfKey(key)).toBe(path);
    expect(keyOfPath(path)).toBe(key);
  });

  it("leads back to the key, for every key", () => {
    fc.assert(
      fc.property(keys, (key) => keyOfPath(pathOfKey(key)) === key),
      { numRuns: 3000 },
    );
  });

  it("is a path that no other key has, for every pair of keys", () => {
    fc.assert(
      fc.property(awkward, awkward, (one, other) => {
        const [first, second] = [one.join(""), other.join("")];
        return first === second || pathOfKey(first) !== pathOfKey(second);
      }),
      { numRuns: 3000 },
    );
  });

  it("stays in the bucket's folder, in names that a file system takes, for every key", () => {
    fc.assert(
      fc.property(keys, (key) => {
        const path = pathOfKey(key);
        expect(normalize(join("/bucket", path))).toBe(`/bucket${sep}${path}`);
        for (const name of path.split("/")) {
          expect(name).not.toMatch(/^\.{0,2}$|\0/);
          expect(Buffer.byteLength(name + spareMark)).toBeLessThanOrEqual(255);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("is nobody's where no key has it", () => {
    for (const path of ["100%.csv", "a%2Fb", "%41", "a%_", "short%-/cut", "a/%2e", "..", "a/", "x".repeat(251)]) {
      expect(keyOfPath(path)).toBeUndefined();
    }
  });
});

describe("a key in an event", () => {
  it.each([
    ["data/one file+more.csv", "data/one+file%2Bmore.csv"],
    ["country=BE/é~(1)!*'.csv", "country%3DBE/%C3%A9%7E%281%29%21*%27.csv"],
  ])("is form-encoded: %s becomes %s", (key, encoded) => {
    expect(encodeEventKey(key)).toBe(encoded);
  });

  it("can be read back, for every key", () => {
    fc.assert(
      fc.property(
        keys,
        (key) => decodeEventKey(encodeEventKey(key)) === key && /^[\w.*/%+-]*$/.test(encodeEventKey(key)),
      ),
      { numRuns: 3000 },
    );
  });
});

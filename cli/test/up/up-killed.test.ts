import { join } from "node:path";
import { expect, test } from "vitest";

import { tempFolder } from "../temp-folder.ts";
import { allRows, endInTheMiddle, goOn, sourceCount, undisturbedRows } from "./many-files.ts";

// What the killed process had in hand comes back after its visibility, which is 30 s.
test(
  "up that is killed in the middle of its work ends with the rows of an undisturbed run, when it is started again",
  { timeout: 120_000 },
  async () => {
    const cwd = await tempFolder();
    const wanted = await undisturbedRows();

    const { code, through } = await endInTheMiddle(cwd, "SIGKILL");
    const again = await goOn(cwd, wanted.length);

    expect(code).toBeNull();
    expect(through).toBeLessThan(sourceCount);
    expect(again).toBe(0);
    expect(await allRows(join(cwd, "lake"))).toEqual(wanted);
  },
);

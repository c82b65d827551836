import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { describe, expect, onTestFinished, test } from "vitest";

import { systemClock } from "@airlake/shared/clock";

import { openEmbedded } from "../../src/embedded.ts";
import { openLake } from "../../src/lake.ts";
import { dayFile, line } from "../day-file.ts";
import { inProcess } from "../in-process.ts";
import { tempFolder } from "../temp-folder.ts";
import { allRows, endInTheMiddle, goOn, sourceCount, undisturbedRows } from "./many-files.ts";
import { freePortBase, startUp } from "./up-process.ts";

describe("up", { timeout: 90_000 }, () => {
  test("that is stopped by SIGTERM in the middle of its work goes on with the next one, and loses nothing", async () => {
    const cwd = await tempFolder();
    const wanted = await undisturbedRows();

    const { up, code, through } = await endInTheMiddle(cwd, "SIGTERM");
    const again = await goOn(cwd, wanted.length);

    expect([code, again]).toEqual([0, 0]);
    expect(up.said()).toContain("goes on where it stopped");
    expect(through).toBeLessThan(sourceCount);
    expect(await allRows(join(cwd, "lake"))).toEqual(wanted);
  });

  test("that is stopped twice ends at once, with 130", async () => {
    const cwd = await tempFolder();
    const up = startUp(cwd);
    await up.ready();
    await holdIngestor(join(cwd, "lake"));

    up.child.kill("SIGINT");
    // Two within a second are one wish: npx passes on what reaches the command by itself.
    await wait(1100);
    const stoppedAt = performance.now();
    const code = await up.end("SIGINT");

    expect(code).toBe(130);
    expect(performance.now() - stoppedAt).toBeLessThan(5000);
  });

  test("answers on its ports within a second while it cleans a large source, and tells of a port in use", async () => {
    const cwd = await tempFolder();
    const lines = Array.from({ length: 120_000 }, (_, at) => line(at % 24, at));
    await writeFile(join(cwd, "large.csv"), dayFile(lines));
    const base = await freePortBase();
    const up = startUp(cwd, ["--port-base", String(base)]);
    await up.ready();

    await rename(join(cwd, "large.csv"), join(cwd, "lake", "drop", "large.csv"));
    const names = await Promise.all([0, 1, 2, 3].map(async (at) => nameAt(base + at)));
    const answers = await answersUntil(base + 1, () => up.settled.length > 0);
    const taken = await inProcess(["up", "--port-base", String(base - 3), "--lake", join(cwd, "other")]);

    expect(names).toEqual(["ingestor", "cleaner", "joiner", "catalog-sync"]);
    expect(up.settled).toMatchObject([{ key: "openaq/large.csv", read: lines.length }]);
    expect(answers.length).toBeGreaterThan(10);
    expect(Math.max(...answers)).toBeLessThan(1000);
    expect(taken.code).toBe(2);
    expect(taken.stderr).toContain(`Port ${base}, for the catalog-sync's health, is in use`);
    expect(taken.stderr).toContain("--port-base N");
    expect(existsSync(join(cwd, "other"))).toBe(false);
  });
});

/** Gives the ingestor a download that never ends. */
async function holdIngestor(lake: string): Promise<void> {
  const asked = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    response.write("a beginning");
    asked.resolve();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const request = {
    contract: "ingest-request/1",
    connector: "object",
    from: `http://127.0.0.1:${(server.address() as AddressInfo).port}/endless.csv`,
    to: { bucket: "raw", key: "openaq/endless.csv" },
    unsigned: false,
    correlationId: "endless",
  };
  await using opened = await openEmbedded(await openLake(lake, "write"), systemClock);
  await opened.sqs.send(
    new SendMessageCommand({ QueueUrl: opened.queues.ingest.url, MessageBody: JSON.stringify(request) }),
  );
  await asked.promise;
}

async function nameAt(port: number): Promise<unknown> {
  const answer = (await (await fetch(`http://127.0.0.1:${port}/health/live`)).json()) as { name: unknown };
  return answer.name;
}

/** Asks again and again, and gives how many milliseconds each answer took. */
async function answersUntil(port: number, isOver: () => boolean): Promise<readonly number[]> {
  const answers: number[] = [];
  while (!isOver()) {
    const at = performance.now();
    await fetch(`http://127.0.0.1:${port}/health/live`, { signal: AbortSignal.timeout(20_000) });
    answers.push(performance.now() - at);
    await wait(20);
  }
  return answers;
}

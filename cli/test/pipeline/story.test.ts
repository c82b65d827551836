/** One correlation id tells the whole story of a source, from the request to fetch it to its partitions in the catalog. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";

import { airlake } from "../airlake.ts";
import { dayFile, line } from "../day-file.ts";
import { tempFolder } from "../temp-folder.ts";

const logLine = z.object({ service: z.string(), msg: z.string(), correlationId: z.string(), key: z.string() });

test("the four services log one correlation id for what was ingested", { timeout: 120_000 }, async () => {
  const lake = join(await tempFolder(), "lake");
  const server = createServer((_request, response) => void response.end(dayFile([line(1), line(2)])));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;

  const ran = await airlake(["ingest", `http://127.0.0.1:${port}/day.csv`, "--lake", lake, "--debug"]);

  const lines = ran.stderr.split("\n").flatMap((text) => (text.startsWith("{") ? [JSON.parse(text)] : []));
  const settled = lines
    .filter((one) => one.msg === "message settled")
    .flatMap((one) => logLine.safeParse(one).data ?? []);
  const story = settled.find(({ service }) => service === "ingestor")?.correlationId;
  expect(story).toMatch(/./);
  const told = settled.filter(({ correlationId }) => correlationId === story);
  expect(new Set(told.map(({ service }) => service))).toEqual(
    new Set(["ingestor", "cleaner", "joiner", "catalog-sync"]),
  );
  expect(new Set(told.map(({ key }) => key))).toEqual(new Set(["openaq/day.csv"]));
});

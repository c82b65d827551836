// What the services stand on comes back having forgotten everything.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { queueRoles } from "@airlake/shared/contracts/topology";
import { containerReason, localStackImage, motoImage } from "@airlake/shared/testing/containers";

import { parked } from "../lake/remote-lake.ts";
import { serviceNames } from "../processes/run-process.ts";
import { type BothLakes, createBothLakes } from "./both-lakes.ts";
import { generatedFile } from "./generated-files.ts";

const images = [localStackImage, motoImage, "node:24-bookworm-slim"];
const reason = images.map((image) => containerReason(image)).find((one) => one !== undefined);
const patienceMs = 240_000;
const poll = { timeout: patienceMs, interval: 1_000 };

describe.skipIf(reason !== undefined)(`outages${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  let both: BothLakes;
  beforeAll(async () => {
    both = await createBothLakes();
    await both.stack.compose("up", "--build", "--detach", "--wait");
  });
  afterAll(async () => both[Symbol.asyncDispose]());

  async function put(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      const { name, body } = generatedFile(number, 120);
      await both.put(name, body);
    }
  }

  test("a LocalStack that has forgotten everything makes services not ready, saying why, until the bootstrap has run", async () => {
    const { stack, lake } = both;
    await put([1, 2]);
    await lake.quietOf(queueRoles, patienceMs);

    await stack.compose("restart", "localstack");

    for (const name of serviceNames) {
      const lost = expect.stringMatching(/there is no (bucket|queue) airlake-/u);
      await expect
        .poll(async () => stack.get(name, "/health/ready"), poll)
        .toMatchObject({
          status: 503,
          body: { status: "not ready", reasons: expect.arrayContaining([lost]) },
        });
    }

    await stack.compose("run", "--rm", "--no-TTY", "bootstrap");

    for (const name of serviceNames) {
      await expect.poll(async () => stack.get(name, "/health/ready"), poll).toMatchObject({ status: 200 });
      const [container] = await stack.inspect(name);
      expect(container?.State).toMatchObject({ Running: true, Restarting: false });
    }
    await put([1, 2, 3, 4, 5, 6, 9]);
    await both.settle(patienceMs);
    await both.expectSame();
    await lake.quietOf(queueRoles, patienceMs);
    expect(await parked(lake)).toBe(0);
  });
});

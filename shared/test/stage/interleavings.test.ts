// Orders of things that once broke a design, or would break this one without one of its lines. Each is one schedule of the simulation.
import { beforeAll, expect, test } from "vitest";

import { type Protocol, loadProtocol } from "./load-protocol.ts";
import { tell } from "./story.ts";

let protocol: Protocol;

beforeAll(async () => {
  protocol = await loadProtocol();
});

test("a loser deletes its own parts and never the winner's", async () => {
  const story = tell(protocol, { script: "XY" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "intent");
  await story.change();
  await story.take(1);
  await story.workUntil(1, "intent");

  await story.workUntil(0, "commit");
  await story.workUntil(1, "intent");
  await story.workUntil(1, "commit");
  await story.next(1, "go");
  await story.workUntil(0, "delete");
  await story.next(0, "go");

  expect(story.outputs()).toEqual(["Y.a3"]);
  expect(await story.end()).toBeUndefined();
});

test("a worker whose rejected successor kept its parts does not delete them as a loser", async () => {
  const story = tell(protocol, { script: "X!" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "commit");
  await story.next(0, "lose");

  await story.change();
  await story.take(1);
  await story.finish(1);

  expect(story.manifest()).toMatchObject({ state: "rejected", stale: true });
  expect(await story.end()).toBeUndefined();
  expect(story.outputs()).toEqual(["X.a1"]);
});

test("412 on one's own commit is a success: nothing is done twice", async () => {
  const story = tell(protocol, { script: "X" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "commit");

  await story.next(0, "lose");
  await story.finish(0);

  expect(story.outputs()).toEqual(["X.a1"]);
  expect(story.manifest()).toMatchObject({ generation: 1, versions: [expect.anything()] });
  expect(await story.end()).toBeUndefined();
});

test("412 on one's own intent costs another attempt, which deletes what the first one named", async () => {
  const story = tell(protocol, { script: "X" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "intent");

  await story.next(0, "lose");
  await story.finish(0);

  expect(story.outputs()).toEqual(["X.a2"]);
  expect(story.manifest()).toMatchObject({ pending: [], debris: [] });
  expect(await story.end()).toBeUndefined();
});

test("after a death between commit and delete the old part goes all the same", async () => {
  const story = tell(protocol, { script: "XY" });
  await story.change();
  await story.take(0);
  await story.finish(0);
  await story.change();
  await story.take(0);
  await story.workUntil(0, "delete");

  await story.die(0);

  expect(story.manifest()?.debris).toHaveLength(1);
  expect(await story.end()).toBeUndefined();
  expect(story.manifest()).toMatchObject({ debris: [], pending: [] });
});

test("after a death with its parts written, a republished source leaves none of them", async () => {
  const story = tell(protocol, { script: "XY", parts: 2 });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "commit");
  await story.die(0);

  await story.change();

  expect(await story.end()).toBeUndefined();
  expect(new Set(story.outputs().map((name) => name[0]))).toEqual(new Set(["Y"]));
});

test("a source that is removed and comes back with the same bytes has its rows again", async () => {
  const story = tell(protocol, { script: "X-X" });
  await story.change();
  await story.take(0);
  await story.finish(0);
  await story.change();
  await story.take(0);
  await story.workUntil(0, "commit");

  await story.change();
  await story.take(1);
  await story.finish(1);

  expect(await story.end()).toBeUndefined();
  expect(story.outputs()).toHaveLength(1);
});

test("content that goes from A to B and back to A while a slow worker holds B ends as A", async () => {
  const story = tell(protocol, { script: "XYX" });
  await story.change();
  await story.take(0);
  await story.finish(0);
  await story.change();
  await story.take(0);
  await story.workUntil(0, "intent");

  await story.change();
  await story.take(1);
  await story.finish(1);
  expect(story.outputs()).toEqual(["X.a1"]);
  await story.workUntil(0, "look");
  expect(story.outputs()).toEqual(["Y.a2"]);

  expect(await story.end()).toBeUndefined();
  expect(story.outputs()).toEqual(["X.a3"]);
});

test("a slow deleter that wakes after the source has its old content again deletes nothing that counts", async () => {
  const story = tell(protocol, { script: "XYX" });
  await story.change();
  await story.take(0);
  await story.finish(0);
  await story.change();
  await story.take(0);
  await story.workUntil(0, "delete");

  await story.change();
  await story.take(1);
  await story.finish(1);
  await story.next(0, "go");

  expect(story.outputs()).toEqual(["X.a3"]);
  expect(await story.end()).toBeUndefined();
});

test("a source that is removed while it is first read leaves no ghost", async () => {
  const story = tell(protocol, { script: "X-" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "intent");

  await story.change();
  await story.take(1);
  await story.finish(1);
  expect(story.manifest()).toBeUndefined();
  await story.finish(0);

  expect(story.manifest()).toMatchObject({ state: "retracted", outputs: [], pending: [], debris: [] });
  expect(await story.end()).toBeUndefined();
});

test("a source that is removed while it is first read leaves no ghost, though the reader dies after its commit", async () => {
  const story = tell(protocol, { script: "X-" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "intent");
  await story.change();
  await story.take(1);
  await story.finish(1);

  await story.workUntil(0, "announce");
  expect(story.outputs()).toEqual(["X.a1"]);
  await story.die(0);

  expect(await story.end()).toBeUndefined();
  expect(story.manifest()).toMatchObject({ state: "retracted", outputs: [] });
});

test("a late message about a version whose part is gone makes the next stage read the manifest again", async () => {
  const story = tell(protocol, { script: "XY", chained: true });
  await story.change();
  await story.take(0);
  await story.finish(0);
  await story.take(1, "joiner");
  await story.workUntil(1, "read part");

  await story.change();
  await story.take(0);
  await story.finish(0);
  await story.finish(1);

  expect(story.manifest("joiner")).toMatchObject({ generation: 1, input: { identity: "2" } });
  expect(story.outputs("joiner")).toEqual(["Y.a4"]);
  expect(await story.end()).toBeUndefined();
});

test("partitions that a version has left are announced, though their worker died before it could", async () => {
  const story = tell(protocol, { script: "XY" });
  await story.change();
  await story.take(0);
  await story.finish(0);
  await story.change();
  await story.take(0);
  await story.workUntil(0, "announce");

  await story.die(0);

  expect(story.world.untold).toEqual(new Set(["content=X", "content=Y"]));
  expect(await story.end()).toBeUndefined();
  expect(story.world.untold).toEqual(new Set());
});

test("a worker whose lease ran out while it read gives up before it writes anything", async () => {
  const story = tell(protocol, { script: "X" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "read input");

  await story.expire(0);
  await story.next(0, "go");

  expect(story.world.workers[0]).toMatchObject({ message: undefined, requests: [] });
  expect(story.manifest()).toBeUndefined();
  expect(await story.end()).toBeUndefined();
  expect(story.world.next.attempt).toBe(2);
});

test("a worker whose lease ran out while it put a part takes it away when another has the source", async () => {
  const story = tell(protocol, { script: "X" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "put part");

  await story.expire(0);
  await story.take(1);
  await story.finish(1);
  await story.next(0, "go");
  expect([...story.world.objects.keys()].filter((key) => key.startsWith("gold/"))).toHaveLength(2);
  await story.finish(0);

  expect(story.outputs()).toEqual(["X.a2"]);
  expect(await story.end()).toBeUndefined();
});

test("a worker whose lease ran out after its commit still deletes and sends, and does not acknowledge", async () => {
  const story = tell(protocol, { script: "XY" });
  await story.change();
  await story.take(0);
  await story.finish(0);
  await story.change();
  await story.take(0);
  await story.workUntil(0, "delete");

  await story.expire(0);
  await story.finish(0);

  expect(story.manifest()).toMatchObject({ debris: [] });
  expect(story.world.untold).toEqual(new Set());
  expect(story.world.queue).toHaveLength(1);
  expect(await story.end()).toBeUndefined();
});

test("a refused part waits for those on their way, and another attempt takes them over", async () => {
  const story = tell(protocol, { script: "X", parts: 2 });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "put part");

  await story.next(0, "refuse");
  expect(story.world.workers[0]?.requests.map(({ label }) => label)).toEqual(["put part"]);
  await story.finish(0);

  expect(story.world.queue).toHaveLength(1);
  expect(await story.end()).toBeUndefined();
});

test("a commit that was done but whose answer is an error is finished, not repeated", async () => {
  const story = tell(protocol, { script: "X" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "commit");

  await story.next(0, "cut");
  await story.finish(0);

  expect(story.outputs()).toEqual(["X.a1"]);
  expect(await story.end()).toBeUndefined();
  expect(story.world.next.attempt).toBe(2);
});

test("a rejected source is parked once", async () => {
  const story = tell(protocol, { script: "!=" });

  expect(await story.end()).toBeUndefined();

  expect(story.world.parked).toBe(1);
});

test("a rejected source is parked, though its worker died between commit and parking", async () => {
  const story = tell(protocol, { script: "!" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "park");

  await story.die(0);

  expect(story.manifest()).toMatchObject({ state: "rejected", rejection: { parked: false } });
  expect(await story.end()).toBeUndefined();
  expect(story.world.parked).toBe(1);
  expect(story.manifest()).toMatchObject({ rejection: { parked: true } });
});

test("a rejected source is parked twice at most when its worker died between parking and noting it", async () => {
  const story = tell(protocol, { script: "!" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "clear");

  await story.die(0);

  expect(await story.end()).toBeUndefined();
  expect(story.world.parked).toBe(2);
});

test("a replay tries a rejected source again, and its message once more does not", async () => {
  const story = tell(protocol, { script: "!r" });
  await story.change();
  await story.take(0);
  await story.finish(0);
  await story.change();
  await story.take(0);
  await story.workUntil(0, "look");
  expect(story.manifest()).toMatchObject({ generation: 2, rejection: { parked: true } });

  await story.die(0);

  expect(await story.end()).toBeUndefined();
  expect(story.manifest()).toMatchObject({ generation: 2 });
  expect(story.world.parked).toBe(2);
});

test("a replay that loses its commit to the first attempt tries again all the same", async () => {
  const story = tell(protocol, { script: "!r" });
  await story.change();
  await story.take(0);
  await story.workUntil(0, "commit");
  await story.change();
  await story.take(1);
  await story.workUntil(1, "commit");

  await story.finish(0);
  await story.finish(1);

  expect(story.manifest()).toMatchObject({ generation: 2, rejection: { replayId: expect.stringMatching(/^replay-/) } });
  expect(await story.end()).toBeUndefined();
});

test("two replays at once try a rejected source once each", async () => {
  const story = tell(protocol, { script: "!rr" });
  await story.change();
  await story.take(0);
  await story.finish(0);
  await story.change();
  await story.change();
  await story.take(0);
  await story.take(1);
  await story.workUntil(0, "commit");
  await story.workUntil(1, "commit");

  expect(await story.end()).toBeUndefined();

  expect(story.manifest()).toMatchObject({ generation: 3 });
  expect(story.world.parked).toBe(3);
});

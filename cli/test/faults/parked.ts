/** The dead-letter queues after a storm: what deserves to lie there, and what died of the storm and is given another try. */
import { SendMessageCommand } from "@aws-sdk/client-sqs";

import { holdAll } from "../../src/dlq/hold.ts";
import type { OpenedLake } from "../../src/opened-lake.ts";
import { keysOf } from "../../src/watch.ts";
import type { QueueRole } from "@airlake/shared/contracts/topology";

export interface Parked {
  readonly role: QueueRole;
  /** The worker's word; `crashed` where SQS parked it. */
  readonly reason: string;
  readonly keys: readonly string[];
  readonly messageId: string;
}

const roles: readonly QueueRole[] = ["clean", "join", "catalog"];

/** All that lies in the dead-letter queues. `replay` sends those that it says yes to back to their queue. */
export async function parkedIn(
  opened: OpenedLake,
  replay: (one: Parked) => boolean,
): Promise<{ readonly left: readonly Parked[]; readonly replayed: readonly Parked[] }> {
  const left: Parked[] = [];
  const replayed: Parked[] = [];
  for (const role of roles) {
    const { url, deadLetterUrl } = opened.queues[role];
    const options = { url: deadLetterUrl, holdSeconds: 600, waitSeconds: 1, signal: new AbortController().signal };
    const hold = await holdAll(opened, options);
    for (const message of hold.messages) {
      const reason = message.MessageAttributes?.["reason"]?.StringValue ?? "crashed";
      const one = { role, reason, keys: keysOf(message), messageId: message.MessageId ?? "" };
      if (!replay(one)) left.push(one);
      else {
        await opened.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: message.Body }));
        await hold.remove([one.messageId]);
        replayed.push(one);
      }
    }
    await hold.release();
  }
  return { left, replayed };
}

import { CopyObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import {
  AddPermissionCommand,
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newBucket, newQueue, refusalOf } from "../../src/testing/contract-clients.ts";
import { openEmbedded } from "./open-embedded.ts";
import type { Embedded } from "./open-embedded.ts";

let embedded: Embedded;
beforeEach(() => {
  embedded = openEmbedded();
});
afterEach(() => embedded[Symbol.dispose]());

const notImplemented = { name: "NotImplemented", status: 501 };

describe("an embedded client", () => {
  it("refuses a command that it does not know, by name", async () => {
    const { objects, queues } = embedded;

    const copy = objects.send(new CopyObjectCommand({ Bucket: "b", Key: "k", CopySource: "b/j" }));
    const permit = queues.send(
      new AddPermissionCommand({ QueueUrl: "q", Label: "l", AWSAccountIds: ["1"], Actions: ["*"] }),
    );

    await expect(copy).rejects.toThrow("does not know the command CopyObject");
    await expect(permit).rejects.toThrow("does not know the command AddPermission");
    expect(await refusalOf(objects.send(JSON.parse("{}")))).toEqual(notImplemented);
  });

  it("refuses an option that it does not know, by name, and takes one that is undefined", async () => {
    const { objects, queues } = embedded;
    const clients = { s3: objects, sqs: queues };
    const bucket = await newBucket(clients);
    const queue = await newQueue(clients);

    const tagged = objects.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "x", Tagging: "a=b" }));
    const grouped = queues.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: "x", MessageGroupId: "g" }));
    const Entries = [{ Id: "1", MessageBody: "x", MessageGroupId: "g" }];
    const batched = queues.send(new SendMessageBatchCommand({ QueueUrl: queue, Entries }));

    await expect(tagged).rejects.toThrow("does not know the option Tagging of PutObject");
    await expect(grouped).rejects.toThrow("does not know the option MessageGroupId of SendMessage");
    await expect(batched).rejects.toThrow("does not know the option MessageGroupId");
    await objects.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "x", Tagging: undefined }));
  });

  it("refuses a callback and unknown request options", async () => {
    const { objects } = embedded;
    const command = new ListObjectsV2Command({ Bucket: await newBucket({ s3: objects, sqs: embedded.queues }) });

    // The types know the callback; there it would be waited for in vain.
    const called: unknown = Reflect.apply(objects.send, undefined, [command, () => {}]);

    expect(await refusalOf(Promise.resolve(called))).toEqual(notImplemented);
    expect(await refusalOf(objects.send(command, { requestTimeout: 5 }))).toEqual(notImplemented);
  });

  it("gives the request up that was aborted before it began", async () => {
    const { objects } = embedded;

    const request = objects.send(new GetObjectCommand({ Bucket: "b", Key: "k" }), { abortSignal: AbortSignal.abort() });

    expect((await refusalOf(request)).name).toBe("AbortError");
  });

  it("ends its long polls when it is destroyed", async () => {
    const { queues } = embedded;
    const { QueueUrl } = await queues.send(new CreateQueueCommand({ QueueName: "q" }));
    const waiting = refusalOf(queues.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 })));
    await queues.send(new SendMessageCommand({ QueueUrl, MessageBody: "later", DelaySeconds: 60 }));

    queues.destroy();

    expect((await waiting).name).toBe("AbortError");
  });
});

/** Writing and removing objects. */
import type * as S3 from "@aws-sdk/client-s3";
import { s3Error, s3NotImplemented } from "./aws-errors.ts";
import { operation } from "./client-shape.ts";
import type { Operation } from "./client-shape.ts";
import { bucketFolderOf, changesTooFast, checkBucket, checkKey, findBucket, heal } from "./object-context.ts";
import type { ObjectContext } from "./object-context.ts";
import { locateFile, moveIntoPlace, removeFile } from "./object-files.ts";
import type { ObjectRow } from "./object-index.ts";
import type { StageBody, StagedBody } from "./object-staging.ts";

const mostTries = 50;

type PutInput = S3.PutObjectCommandInput;

export function writeOperations(context: ObjectContext, stage: StageBody): Readonly<Record<string, Operation>> {
  return {
    PutObject: operation<PutInput>(
      ["Bucket", "Key", "Body", "ContentLength", "ContentType", "Metadata", "IfMatch", "IfNoneMatch"],
      async (input, signal) => {
        const key = checkKey(input.Key);
        const bucket = checkBucket(context, input.Bucket);
        checkConditions(input);
        const staged = await stage({ body: input.Body, lengthBytes: input.ContentLength }, signal);
        try {
          await commit(context, staged, { ...input, Bucket: bucket, Key: key });
        } catch (error) {
          staged.discard();
          throw error;
        }
        return { ETag: `"${staged.md5}"` };
      },
    ),
    DeleteObject: operation<S3.DeleteObjectCommandInput>(["Bucket", "Key"], (input) => {
      removeObject(context, checkBucket(context, input.Bucket), checkKey(input.Key));
      return { $metadata: { httpStatusCode: 204, attempts: 1, totalRetryDelay: 0 } };
    }),
    DeleteObjects: operation<S3.DeleteObjectsCommandInput>(["Bucket", "Delete"], (input) => {
      const name = checkBucket(context, input.Bucket);
      const keys = keysToDelete(input.Delete);
      // One transaction each: others may write in between, and one key that fails leaves the rest done.
      for (const key of keys) removeObject(context, name, key);
      return input.Delete?.Quiet === true ? {} : { Deleted: keys.map((Key) => ({ Key })) };
    }),
  };
}

async function commit(context: ObjectContext, staged: StagedBody, input: PutInput): Promise<void> {
  for (let attempt = 0; attempt < mostTries; attempt += 1) {
    if (context.write(() => putInPlace(context, staged, input)) === "done") return;
    await heal(context, input.Bucket ?? "", input.Key ?? "");
  }
  throw changesTooFast();
}

/** "differs": file and row disagree about what is there, so that a condition cannot be judged yet. */
function putInPlace(context: ObjectContext, staged: StagedBody, input: PutInput): "done" | "differs" {
  const { index, announcer, clock } = context;
  const { Key: key = "" } = input;
  const bucket = findBucket(context, input.Bucket);
  const folder = bucketFolderOf(context, bucket.name);
  if (input.IfMatch !== undefined || input.IfNoneMatch !== undefined) {
    const row = index.find(bucket.name, key);
    if (row?.stamp !== locateFile(folder, key)?.stamp) return "differs";
    judge(row, input);
  }
  index.save({
    bucket: bucket.name,
    key,
    etag: staged.md5,
    sizeBytes: staged.sizeBytes,
    modifiedAtMs: clock.now().getTime(),
    contentType: input.ContentType,
    metadata: lowerCased(input.Metadata ?? {}),
    stamp: staged.stamp,
  });
  const content = { etag: staged.md5, sizeBytes: staged.sizeBytes };
  announcer.announce(bucket, { name: "ObjectCreated:Put", key, content });
  // Last, so that whatever fails before it is rolled back with nothing to be seen.
  moveIntoPlace(staged.path, folder, key);
  return "done";
}

function checkConditions({ IfMatch: ifMatch, IfNoneMatch: ifNoneMatch }: PutInput): void {
  const isKnown = ifMatch !== "*" && (ifNoneMatch === undefined || ifNoneMatch === "*");
  if (isKnown && (ifMatch === undefined || ifNoneMatch === undefined)) return;
  throw s3NotImplemented("The embedded adapter takes IfMatch with an ETag, or IfNoneMatch with *, and not both.");
}

function judge(row: ObjectRow | undefined, { IfMatch: ifMatch, IfNoneMatch: ifNoneMatch }: PutInput): void {
  if (ifMatch !== undefined && row === undefined) throw s3Error("NoSuchKey", 404, "The specified key does not exist.");
  const isMatch = ifMatch === undefined || row?.etag === ifMatch.replaceAll('"', "");
  if (isMatch && (ifNoneMatch === undefined || row === undefined)) return;
  throw s3Error("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold");
}

/** Removing what is not there is no error, and no event. */
function removeObject(context: ObjectContext, bucketName: string, key: string): void {
  context.write(() => {
    const bucket = findBucket(context, bucketName);
    const folder = bucketFolderOf(context, bucketName);
    if (context.index.find(bucketName, key) === undefined && locateFile(folder, key) === undefined) return;
    context.index.remove(bucketName, key);
    context.announcer.announce(bucket, { name: "ObjectRemoved:Delete", key });
    removeFile(folder, key);
  });
}

function keysToDelete(wanted: S3.Delete | undefined): readonly string[] {
  const objects = wanted?.Objects ?? [];
  if (objects.length === 0 || objects.length > 1000) {
    throw s3Error(
      "MalformedXML",
      400,
      "The XML you provided was not well-formed or did not validate against our published schema",
    );
  }
  return objects.map(({ Key, ...others }) => {
    if (Object.values(others).every((value) => value === undefined)) return checkKey(Key);
    throw s3NotImplemented(
      `The embedded adapter does not know the options ${Object.keys(others).join(", ")} of DeleteObjects.`,
    );
  });
}

function lowerCased(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The AWS SDK's errors, made as the SDK makes them from S3's and SQS's answers. */
import { NoSuchBucket, NoSuchKey, NotFound, S3ServiceException } from "@aws-sdk/client-s3";
import {
  BatchEntryIdsNotDistinct,
  BatchRequestTooLong,
  EmptyBatchRequest,
  InvalidAttributeName,
  InvalidBatchEntryId,
  InvalidMessageContents,
  QueueDoesNotExist,
  QueueNameExists,
  ReceiptHandleIsInvalid,
  SQSServiceException,
  TooManyEntriesInBatchRequest,
} from "@aws-sdk/client-sqs";
import { explainStorage, isBusy } from "./database.ts";

/** An S3 error by its name, with the HTTP status that S3 gives it. */
export function s3Error(name: string, status: number, message: string): S3ServiceException {
  const shape = { message, $metadata: metadataOf(status) };
  if (name === "NoSuchKey") return new NoSuchKey(shape);
  if (name === "NoSuchBucket") return new NoSuchBucket(shape);
  if (name === "NotFound") return new NotFound(shape);
  return new S3ServiceException({ ...shape, name, $fault: faultOf(status) });
}

/** S3's answer to what it has not: the embedded adapter's answer to what it does not know. */
export function s3NotImplemented(message: string): S3ServiceException {
  return s3Error("NotImplemented", 501, message);
}

/** What a caller of the objects should see of a failure: busy as 503, the disk's troubles by their code, the rest as it is. */
export function explainS3(error: unknown): unknown {
  return isBusy(error) ? s3Error("ServiceUnavailable", 503, "The lake's database is busy.") : explainStorage(error);
}

const sqsClasses = {
  BatchEntryIdsNotDistinct,
  BatchRequestTooLong,
  EmptyBatchRequest,
  InvalidAttributeName,
  InvalidBatchEntryId,
  InvalidMessageContents,
  QueueDoesNotExist,
  QueueNameExists,
  ReceiptHandleIsInvalid,
  TooManyEntriesInBatchRequest,
};

/** An SQS error by its name; status 400 as SQS answers all but its own failures. */
export function sqsError(name: string, message: string, status = 400): SQSServiceException {
  const shape = { message, $metadata: metadataOf(status) };
  if (isSqsClass(name)) return new sqsClasses[name](shape);
  return new SQSServiceException({ ...shape, name, $fault: faultOf(status) });
}

export function sqsNotImplemented(message: string): SQSServiceException {
  return sqsError("NotImplemented", message, 501);
}

/** As `explainS3`, for the queues. */
export function explainSqs(error: unknown): unknown {
  return isBusy(error) ? sqsError("ServiceUnavailable", "The lake's database is busy.", 503) : explainStorage(error);
}

function isSqsClass(name: string): name is keyof typeof sqsClasses {
  return Object.hasOwn(sqsClasses, name);
}

function metadataOf(httpStatusCode: number): {
  readonly httpStatusCode: number;
  attempts: number;
  totalRetryDelay: number;
} {
  return { httpStatusCode, attempts: 1, totalRetryDelay: 0 };
}

function faultOf(status: number): "client" | "server" {
  return status >= 500 ? "server" : "client";
}

/** The one shape of an SQS client that the services use: the AWS SDK's, or the embedded queues'. */
import type { SQSClient } from "@aws-sdk/client-sqs";

export type QueueClient = Pick<SQSClient, "send">;

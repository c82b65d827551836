/** The clients of the bootstrap: each is given its endpoint, so that none talks to real AWS unless all do. */
import { S3Client } from "@aws-sdk/client-s3";
import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import { at, endpointsOf } from "@airlake/shared/clients";

import type { BootstrapConfig } from "./config.ts";

/** What the bootstrap asks. */
export interface AwsClients {
  readonly s3: Pick<S3Client, "send">;
  readonly sqs: Pick<SQSClient, "send">;
  readonly sns: Pick<SNSClient, "send">;
}

export function openClients(config: BootstrapConfig): AwsClients & Disposable {
  const endpoints = endpointsOf(config);
  const region = config.AWS_REGION;
  const s3 = new S3Client({ ...at(endpoints.s3), region, forcePathStyle: endpoints.s3 !== undefined });
  const sqs = new SQSClient({ ...at(endpoints.sqs), region, useQueueUrlAsEndpoint: false });
  const sns = new SNSClient({ ...at(config.AWS_ENDPOINT_URL_SNS ?? config.AWS_ENDPOINT_URL), region });
  return { s3, sqs, sns, [Symbol.dispose]: () => [s3, sqs, sns].forEach((client) => client.destroy()) };
}

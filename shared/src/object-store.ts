/** The one shape of an S3 client that the services use: the AWS SDK's, or the embedded objects'. */
import type { S3Client } from "@aws-sdk/client-s3";

export type ObjectStore = Pick<S3Client, "send">;

/** Multipart uploads that were begun and never ended: S3 keeps, and charges for, their parts. */
import { ListMultipartUploadsCommand, type MultipartUpload } from "@aws-sdk/client-s3";

import type { OpenedLake } from "../opened-lake.ts";
import type { Finding } from "./findings.ts";

/** Those of all buckets that were begun before this time. */
export async function* oldUploads(opened: OpenedLake, beforeMs: number): AsyncGenerator<Finding> {
  for (const bucket of Object.values(opened.topology.buckets)) {
    for await (const { Key: key = "", UploadId: uploadId = "", Initiated: at } of uploadsIn(opened, bucket)) {
      if ((at?.getTime() ?? 0) > beforeMs) continue;
      const mend = { how: "abort", bucket, uploadId } as const;
      const detail = `begun ${at?.toISOString() ?? "at an unknown time"}`;
      yield { kind: "unfinished-upload", sourceId: "", source: "", what: `${bucket}/${key}`, detail, mend };
    }
  }
}

async function* uploadsIn(opened: OpenedLake, bucket: string): AsyncGenerator<MultipartUpload> {
  for (let from = {}; ;) {
    const page = await opened.s3.send(new ListMultipartUploadsCommand({ Bucket: bucket, ...from }));
    yield* page.Uploads ?? [];
    const { IsTruncated: more, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
    if (more !== true) return;
    from = { KeyMarker, UploadIdMarker };
  }
}

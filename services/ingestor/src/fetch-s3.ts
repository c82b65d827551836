/** Asks for an object by s3://. */
import { Readable } from "node:stream";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { GetObjectCommandOutput, S3ClientConfig } from "@aws-sdk/client-s3";
import { at } from "@airlake/shared/clients";
import { TransientError, httpStatusOf, isTransient } from "@airlake/shared/errors";
import type { ObjectStore } from "@airlake/shared/object-store";
import type { Address } from "./parse.ts";
import { encodingProblem, readContentRange, refused, strongEtag } from "./source-body.ts";
import type { Open, Refusal, Rest, SourceBody } from "./source-body.ts";

type S3Address = Extract<Address, { readonly kind: "s3" }>;

/** The clients that sources are read with; the lake has its own, which may be no AWS at all. */
export interface SourceS3 extends Disposable {
  clientFor(unsigned: boolean): ObjectStore;
}

export interface SourceS3Settings {
  /** Where a bucket is looked for first; S3 tells where it really is. */
  readonly region: string;
  /** Set for another S3 than AWS's own. */
  readonly endpoint: string | undefined;
}

/** Opens no client before it is asked for one. */
export function createSourceS3(settings: SourceS3Settings): SourceS3 {
  const clients = new Map<boolean, S3Client>();
  return {
    clientFor(unsigned) {
      const client = clients.get(unsigned) ?? createClient(settings, unsigned);
      clients.set(unsigned, client);
      return client;
    },
    [Symbol.dispose]: () => {
      for (const client of clients.values()) client.destroy();
    },
  };
}

function createClient({ region, endpoint }: SourceS3Settings, unsigned: boolean): S3Client {
  return new S3Client({
    ...at(endpoint),
    region,
    // Others than AWS often know no bucket host names.
    forcePathStyle: endpoint !== undefined,
    followRegionRedirects: true,
    // A source that is resumed by ranges has no checksum of the whole; lengths and the connection guard its bytes.
    responseChecksumValidation: "WHEN_REQUIRED",
    ...(unsigned ? anonymous : {}),
  });
}

/** The SDK looks for credentials even where nothing is signed, so it is given some that go nowhere. */
const anonymous: Pick<S3ClientConfig, "credentials" | "signer"> = {
  credentials: { accessKeyId: "anonymous", secretAccessKey: "" },
  signer: { sign: async (request) => request },
};

/** Reads one object; its rest only while it is the same one. `isLakeOnAws`: then credentials are there, or will be again. */
export function openS3(
  client: ObjectStore,
  address: S3Address,
  { isLakeOnAws }: { readonly isLakeOnAws: boolean },
): Open {
  return async function open(rest, signal): Promise<SourceBody | Refusal> {
    const { bucket: Bucket, key: Key } = address;
    const condition = rest === undefined ? {} : { Range: `bytes=${rest.offset}-`, IfMatch: rest.validator };
    try {
      const got = await client.send(new GetObjectCommand({ Bucket, Key, ...condition }), { abortSignal: signal });
      return bodyOf(got, address, rest);
    } catch (error) {
      // The object has changed since its first part came.
      if (rest !== undefined && httpStatusOf(error) === 412) return open(undefined, signal);
      if (isLakeOnAws && error instanceof Error && error.name === noCredentials) {
        throw new TransientError("AWS credentials could not be had", { cause: error });
      }
      return explained(address, error);
    }
  };
}

function bodyOf(got: GetObjectCommandOutput, { shown }: S3Address, rest: Rest | undefined): SourceBody | Refusal {
  const stream = got.Body;
  if (!(stream instanceof Readable)) throw new TransientError(`empty answer for ${shown}`);
  const problem = encodingProblem(got.ContentEncoding, shown);
  if (problem !== undefined) {
    stream.destroy();
    return problem;
  }
  const validator = strongEtag(got.ETag);
  if (rest === undefined) return { kind: "body", stream, offset: 0, totalBytes: got.ContentLength, validator };
  const range = readContentRange(got.ContentRange);
  if (range?.offset !== rest.offset) {
    stream.destroy();
    throw new TransientError(`${shown} answered with another range than was asked for`);
  }
  return { kind: "body", stream, ...range, validator };
}

const noCredentials = "CredentialsProviderError";

/** Refusals of a moment: a clock or a token that the SDK mends by itself. */
const passing = new Set(["RequestTimeTooSkewed", "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"]);

function explained({ shown, unsigned }: S3Address, error: unknown): Refusal {
  if (!(error instanceof Error)) throw error;
  if (isTransient(error) || passing.has(error.name)) {
    throw new TransientError(`${shown} could not be read (${error.name})`, { cause: error });
  }
  if (error.name === noCredentials) {
    const detail = `${shown} needs AWS credentials, and none were found: set them, or ask for it unsigned where its bucket is public`;
    return refused("source-forbidden", detail);
  }
  const status = httpStatusOf(error);
  if (status === undefined) throw error;
  if (status === 404) return refused("source-not-found", `${shown} is not there (S3: ${error.name})`);
  if (status === 401 || status === 403) {
    const hint = unsigned ? "it is not public" : "these credentials may not read it, or it is not there";
    return refused("source-forbidden", `${shown} may not be read: ${hint} (S3: ${error.name})`);
  }
  return refused("source-refused", `${shown} is refused (S3: ${error.name}, HTTP ${status})`);
}

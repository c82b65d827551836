/** A web server on loopback that a test answers for. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

export interface SourceServer extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly port: number;
  /** What was asked, in order. */
  readonly requests: readonly IncomingMessage[];
}

export async function startSourceServer(answer: RequestListener): Promise<SourceServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    // A client that goes away is part of these tests.
    response.on("error", () => {});
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export function etagOf(body: Buffer): string {
  return `"${createHash("md5").update(body).digest("hex")}"`;
}

/** Answers as a good server of files does: with an ETag, and with the rest where that is asked for. */
export function sendFile(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const etag = etagOf(body);
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
  if (from === undefined || request.headers["if-range"] !== etag) {
    response.writeHead(200, { etag, "content-length": body.length }).end(body);
    return;
  }
  const rest = body.subarray(Number(from));
  const range = `bytes ${from}-${body.length - 1}/${body.length}`;
  response.writeHead(206, { etag, "content-length": rest.length, "content-range": range }).end(rest);
}

/**
 * Sends a file's head and its first bytes, and breaks the connection off when the receiver has them: what a receiver has
 * not read yet is lost with its connection.
 */
export async function breakOffAfter(
  response: ServerResponse,
  { body, sentBytes, hasReceived }: { body: Buffer; sentBytes: number; hasReceived: () => Promise<void> },
): Promise<void> {
  response.writeHead(200, { etag: etagOf(body), "content-length": body.length });
  response.write(body.subarray(0, sentBytes));
  await hasReceived();
  response.socket?.end();
}

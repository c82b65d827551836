/** Asks for an object by http: or https:. */
import { request as requestHttp } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";
import { TransientError, codeOf } from "@airlake/shared/errors";
import { shownUrl, urlProblem } from "./parse.ts";
import { guardedLookup, privateAddressCode } from "./private-addresses.ts";
import type { ResolveAll } from "./private-addresses.ts";
import { encodingProblem, readContentRange, refused, strongEtag } from "./source-body.ts";
import type { Open, Refusal, Rest, SourceBody } from "./source-body.ts";

export interface UrlSettings {
  /** Names to addresses; dns.lookup. */
  readonly resolve: ResolveAll;
  /** Asked of every address that would be connected to, redirects included. */
  readonly mayReach: (address: string) => boolean;
  /** How we call ourselves to the source. */
  readonly userAgent: string;
}

const mostRedirects = 5;

/** Follows up to five redirects, from the first address again at every call: what they lead to may have run out. */
export function openUrl(settings: UrlSettings, start: URL): Open {
  return async (rest, signal) => {
    let url = start;
    for (let redirects = 0; redirects <= mostRedirects; redirects += 1) {
      const answer = await ask(settings, url, { rest, signal });
      if ("kind" in answer) return answer;
      if (![301, 302, 303, 307, 308].includes(answer.statusCode ?? 0)) return read(answer, shownUrl(url), rest);
      answer.destroy();
      const next = follow(url, answer.headers.location);
      if ("kind" in next) return next;
      url = next;
    }
    return refused("bad-redirect", `${shownUrl(start)} redirects more than ${mostRedirects} times`);
  };
}

async function ask(
  settings: UrlSettings,
  url: URL,
  { rest, signal }: { readonly rest: Rest | undefined; readonly signal: AbortSignal },
): Promise<IncomingMessage | Refusal> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // A literal address is connected to without a lookup.
  if (isIP(host) !== 0 && !settings.mayReach(host)) return privateRefusal(url);
  const options = {
    // A connection of its own for each request: none is kept that was opened under another look at the address.
    agent: false,
    signal,
    headers: {
      accept: "*/*",
      "accept-encoding": "identity",
      "user-agent": settings.userAgent,
      ...(rest === undefined ? {} : { range: `bytes=${rest.offset}-`, "if-range": rest.validator }),
    },
    lookup: guardedLookup(settings.resolve, settings.mayReach),
  };
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const request = url.protocol === "https:" ? requestHttps(url, options) : requestHttp(url, options);
      request.on("response", resolve);
      // Stays after the response: an error that comes later must find a listener.
      request.on("error", reject);
      request.end();
    });
  } catch (error) {
    return explained(url, error);
  }
}

/** Certificates do not mend themselves within the hours that a queue tries. */
const untrustedCode = /^(CERT_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_ALTNAME_INVALID)/;

function explained(url: URL, error: unknown): Refusal {
  const code = codeOf(error) ?? "no answer";
  if (code === privateAddressCode) return privateRefusal(url);
  if (untrustedCode.test(code)) {
    return refused("source-untrusted", `the certificate of ${url.host} cannot be trusted (${code})`);
  }
  // The name service has answered, with no; where it does not answer, that is EAI_AGAIN.
  if (code === "ENOTFOUND") return refused("source-not-found", `there is no host ${url.hostname}: is it spelled so?`);
  throw new TransientError(`${shownUrl(url)} could not be reached (${code})`, { cause: error });
}

function privateRefusal(url: URL): Refusal {
  const detail = `${url.host} is an address of this machine or of a private network, which a request must not reach; ALLOW_PRIVATE_ADDRESSES=true allows it`;
  return refused("private-address", detail);
}

function follow(from: URL, location: string | undefined): URL | Refusal {
  const to = location === undefined ? null : URL.parse(location, from.href);
  if (to === null) return refused("bad-redirect", `${shownUrl(from)} redirects to no address`);
  const problem = urlProblem(to);
  if (problem !== undefined) return refused("bad-redirect", `${shownUrl(from)} redirects elsewhere: ${problem}`);
  if (from.protocol === "https:" && to.protocol === "http:") {
    const detail = `${shownUrl(from)} redirects from https: to http:, where anybody on the way can change it; ask for ${shownUrl(to)} if that is meant`;
    return refused("bad-redirect", detail);
  }
  return to;
}

function read(answer: IncomingMessage, shown: string, rest: Rest | undefined): SourceBody | Refusal {
  const body = bodyOf(answer, shown, rest);
  if (body.kind === "refused") answer.destroy();
  return body;
}

function bodyOf(answer: IncomingMessage, shown: string, rest: Rest | undefined): SourceBody | Refusal {
  const { statusCode: status = 0, headers } = answer;
  const isRest = status === 206 && rest !== undefined;
  if (status !== 200 && !isRest) return refusalOf(answer, shown);
  const problem = encodingProblem(headers["content-encoding"], shown);
  if (problem !== undefined) return problem;
  const validator = strongEtag(headers.etag);
  if (!isRest) {
    const length = headers["content-length"];
    const totalBytes = length === undefined ? undefined : Number(length);
    return { kind: "body", stream: answer, offset: 0, totalBytes, validator };
  }
  const range = readContentRange(headers["content-range"]);
  if (range?.offset !== rest.offset || (validator !== undefined && validator !== rest.validator)) {
    answer.destroy();
    throw new TransientError(`${shown} answered with another range than was asked for`);
  }
  return { kind: "body", stream: answer, ...range, validator: rest.validator };
}

function refusalOf(answer: IncomingMessage, shown: string): Refusal {
  const status = answer.statusCode ?? 0;
  if (status === 404 || status === 410) return refused("source-not-found", `${shown} is not there (HTTP ${status})`);
  if ([401, 403, 407, 451].includes(status)) {
    return refused("source-forbidden", `${shown} may not be read (HTTP ${status})`);
  }
  // 416 answers the wish for a rest: the object became shorter. The next try asks for the whole.
  if ([408, 416, 425, 429].includes(status) || status >= 500) {
    answer.destroy();
    throw new TransientError(`${shown} answered HTTP ${status}`);
  }
  return refused("source-refused", `${shown} answered HTTP ${status}, which gives no object`);
}

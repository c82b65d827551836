/** What a request of a worker is about, in the protocol's words, so that a fault can be aimed at one step of one source. */
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { z } from "zod";

export type Deed =
  | "reads the source"
  | "reads a part"
  | "puts its intent"
  | "puts a part"
  | "commits"
  | "tidies"
  | "sends"
  | "renews"
  | "acknowledges";

/** One request, before or after it. */
export interface Sighting {
  readonly who: string;
  readonly deed: Deed;
  /** The source's key in raw. */
  readonly source: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export interface Spotter {
  /** Undefined for what no fault is aimed at. */
  spot(command: unknown): Sighting | undefined;
  /** Notes which source each received message is about. */
  received(command: unknown, answer: unknown): void;
  /** The receipts under which messages about a source were received. */
  receiptsOf(source: string): readonly string[];
}

const manifestSchema = z.object({ generation: z.number(), pending: z.array(z.unknown()) });
const inputSchema = z.record(z.string(), z.unknown());

/** Knows the sources by their ids: manifests and parts are named after them. */
export function createSpotter(who: string, keysById: ReadonlyMap<string, string>): Spotter {
  const generations = new Map<string, number>();
  const receipts = new Map<string, string>();
  const sourceIn = (text: string): string | undefined => {
    const id = /(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/.exec(text)?.[0] ?? "";
    return keysById.get(id) ?? [...keysById.values()].find((key) => text.includes(key));
  };
  const deedOf = (command: unknown, key: string, source: string): Deed | undefined => {
    if (command instanceof GetObjectCommand) {
      if (key === source) return "reads the source";
      return key.endsWith(".parquet") ? "reads a part" : undefined;
    }
    if (!(command instanceof PutObjectCommand)) return undefined;
    if (key.endsWith(".parquet")) return "puts a part";
    if (!key.startsWith("manifests/")) return undefined;
    const { Body: body } = command.input;
    const { generation, pending } = manifestSchema.parse(JSON.parse(typeof body === "string" ? body : ""));
    if (pending.length > 0) return "puts its intent";
    const isCommit = generation !== generations.get(source);
    generations.set(source, generation);
    return isCommit ? "commits" : "tidies";
  };
  return {
    spot(command) {
      const input = inputSchema.parse((command as { readonly input: unknown }).input);
      const of = (deed: Deed | undefined, source: string | undefined): Sighting | undefined =>
        deed === undefined || source === undefined ? undefined : { who, deed, source, input };
      const receipt = receipts.get(String(input["ReceiptHandle"]));
      if (command instanceof DeleteMessageCommand) return of("acknowledges", receipt);
      if (command instanceof ChangeMessageVisibilityCommand) return of("renews", receipt);
      if (command instanceof SendMessageCommand) return of("sends", sourceIn(String(input["MessageBody"])));
      const key = String(input["Key"]);
      const source = sourceIn(key);
      return source === undefined ? undefined : of(deedOf(command, key, source), source);
    },
    received(command, answer) {
      if (!(command instanceof ReceiveMessageCommand)) return;
      const { Messages: messages = [] } = answer as {
        readonly Messages?: readonly { readonly ReceiptHandle?: string; readonly Body?: string }[];
      };
      for (const { ReceiptHandle: receipt = "", Body: body = "" } of messages)
        receipts.set(receipt, sourceIn(decodeURIComponent(body)) ?? "");
    },
    receiptsOf: (source) => [...receipts].filter(([, one]) => one === source).map(([receipt]) => receipt),
  };
}

/** A line of a service's log, as far as it is shown. */
import { parseJson } from "@airlake/shared/contracts/s3-event";
import { z } from "zod";

const text = z.string().catch("");
const count = z.number().catch(0);

const logLine = z.object({
  service: z.string(),
  msg: z.string(),
  messageId: text,
  outcome: text,
  reason: text,
  detail: text,
  key: text,
  state: text,
  rowsRead: count,
  rowsKept: count,
  rowsQuarantined: count,
  parts: count,
  durationMs: count,
});

export interface LogLine extends Readonly<Omit<z.infer<typeof logLine>, "msg">> {
  /** A message was settled with this line; else it failed, and comes again. */
  readonly isSettled: boolean;
}

/** What a line says of a message that was settled or that failed; undefined of all other lines. */
export function readLogLine(line: string): LogLine | undefined {
  const read = logLine.safeParse(parseJson(line));
  if (!read.success) return undefined;
  const { msg, ...facts } = read.data;
  if (msg !== "message settled" && msg !== "message failed") return undefined;
  return { ...facts, isSettled: msg === "message settled" };
}

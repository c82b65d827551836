/** What both adapters share with an AWS SDK client: one `send` that dispatches commands and refuses what it does not know. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** One command: the input options it understands and what it does. */
export interface Operation {
  readonly options: ReadonlySet<string>;
  readonly run: (input: object, signal: AbortSignal | undefined) => object | Promise<object>;
}

export interface SendDeps {
  /** By the name of the SDK's command class, without its ending "Command". */
  readonly operations: Readonly<Record<string, Operation>>;
  /** Makes the SDK's error for a command or option that is not there. */
  readonly notImplemented: (message: string) => Error;
  /** Turns a failure of the disk or the database into what the caller should see. */
  readonly explain: (error: unknown) => unknown;
}

/** `run` is only ever called with the input of the command that its name says, and only with the options listed. */
export function operation<Input extends object>(
  options: readonly (keyof Input & string)[],
  run: (input: Input, signal: AbortSignal | undefined) => object | Promise<object>,
): Operation {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- createSend has looked at the command's name and options
  return { options: new Set<string>(options), run: (input, signal) => run(input as Input, signal) };
}

/**
 * The `send` of an SDK client. Throws `NotImplemented` (501) for a command or an option that the adapter does not know,
 * and `AbortError` as soon as the signal fires.
 */
export function createSend(deps: SendDeps): (command: unknown, options?: unknown) => Promise<object> {
  return async (command, options) => {
    const { name, input } = readCommand(command, deps);
    const known = Object.hasOwn(deps.operations, name) ? deps.operations[name] : undefined;
    if (known === undefined) throw deps.notImplemented(`The embedded adapter does not know the command ${name}.`);
    for (const [option, value] of Object.entries(input)) {
      if (value === undefined || known.options.has(option)) continue;
      throw deps.notImplemented(`The embedded adapter does not know the option ${option} of ${name}.`);
    }
    const signal = readSignal(options, deps);
    throwIfAborted(signal);
    // A real client always gives way to timers and sockets between request and answer. So does this one: otherwise a busy
    // consumer would starve them.
    await nextTurn();
    throwIfAborted(signal);
    try {
      const output = await known.run(input, signal);
      return { $metadata: { httpStatusCode: 200, attempts: 1, totalRetryDelay: 0 }, ...output };
    } catch (error) {
      throw deps.explain(error);
    }
  };
}

/** Throws what the SDK throws for a request that its caller gave up. */
function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal.reason);
}

export function abortError(cause?: unknown): Error {
  const error = new Error("Request aborted", { cause });
  error.name = "AbortError";
  return error;
}

function readCommand(command: unknown, deps: SendDeps): { readonly name: string; readonly input: object } {
  if (typeof command === "object" && command !== null && "input" in command) {
    const { input } = command;
    if (typeof input === "object" && input !== null) {
      return { name: command.constructor.name.replace(/Command$/, ""), input };
    }
  }
  throw deps.notImplemented("The embedded adapter takes the AWS SDK's commands only.");
}

function readSignal(options: unknown, deps: SendDeps): AbortSignal | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== "object" || options === null) {
    throw deps.notImplemented("The embedded adapter answers by promise only, not by callback.");
  }
  for (const [option, value] of Object.entries(options)) {
    if (option === "abortSignal" || value === undefined) continue;
    throw deps.notImplemented(`The embedded adapter does not know the request option ${option}.`);
  }
  return "abortSignal" in options && options.abortSignal instanceof AbortSignal ? options.abortSignal : undefined;
}

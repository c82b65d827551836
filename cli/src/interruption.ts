/** Ctrl-C and SIGTERM: the first asks to stop in good order, the second ends at once. */

/** What of the process is needed. */
export interface SignalTarget {
  on(name: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  off(name: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  exit(code: number): never;
}

export interface Interruption extends Disposable {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** 130 for Ctrl-C, 143 for SIGTERM, as shells count. */
  exitCode(): 130 | 143;
}

/** npx and others pass on a Ctrl-C that reaches us by itself as well: within this time two are one. */
const sameWishMs = 1000;

/** Listens until it is disposed; then signals have their usual effect again. */
export function listenForInterruption(target: SignalTarget, monotonicMs: () => number): Interruption {
  const abort = new AbortController();
  let code: 130 | 143 = 130;
  let firstAtMs = 0;
  const on = (exitCode: 130 | 143) => (): void => {
    if (abort.signal.aborted) {
      if (monotonicMs() - firstAtMs > sameWishMs) target.exit(exitCode);
      return;
    }
    firstAtMs = monotonicMs();
    code = exitCode;
    abort.abort(new Error("the person wishes to stop"));
  };
  const onInt = on(130);
  const onTerm = on(143);
  target.on("SIGINT", onInt);
  target.on("SIGTERM", onTerm);
  return {
    signal: abort.signal,
    exitCode: () => code,
    [Symbol.dispose]: () => {
      target.off("SIGINT", onInt);
      target.off("SIGTERM", onTerm);
    },
  };
}

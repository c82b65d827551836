/** The one writer of the command: results to stdout, words to the person to stderr, and lines that are updated in place. */
import { type Screen, type ScreenStream, screenOf } from "./config.ts";

type Paint = (text: string) => string;

/** Colours of one stream; without colours each returns its text. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
}

export interface Out {
  /** A line of the result. */
  line(text?: string): void;
  /** A piece of the result as it is; resolves once the stream takes more. */
  write(text: string | Uint8Array): Promise<void>;
  /** A line to the person, on stderr, so that a pipe gets results only. */
  note(text?: string): void;
  /** The updated line on stderr, or several; undefined takes them away. Nothing where nobody looks. */
  status(text: string | undefined): void;
  /** Colours for results, and for notes. */
  readonly style: Style;
  readonly noteStyle: Style;
  /** The width for results in columns; Infinity where they are piped. */
  readonly columns: number;
  /** The width for notes. */
  readonly noteColumns: number;
  /** Somebody looks at stderr: progress can be one updated line. */
  readonly live: boolean;
}

/** What is written to: stdout and stderr, or what a test puts in their place. */
export interface OutStream extends ScreenStream {
  write(text: string | Uint8Array, done?: (error?: Error | null) => void): boolean;
}

export function createOut(stdout: OutStream, stderr: OutStream, env?: NodeJS.ProcessEnv): Out {
  const results = screenOf(stdout, env);
  const words = screenOf(stderr, env);
  let status: string | undefined;
  const clear = (): void => {
    if (status === undefined) return;
    const above = status.split("\n").length - 1;
    stderr.write(`\r\u001B[2K${"\u001B[1A\u001B[2K".repeat(above)}`);
  };
  const redraw = (): void => {
    if (status !== undefined) stderr.write(status);
  };
  const between = (write: () => void): void => {
    clear();
    write();
    redraw();
  };
  return {
    line: (text = "") => between(() => stdout.write(`${text}\n`)),
    write: async (text) => {
      clear();
      status = undefined;
      await new Promise<void>((resolve, reject) => {
        stdout.write(text, (error) => (error === undefined || error === null ? resolve() : reject(error)));
      });
    },
    note: (text = "") => between(() => stderr.write(`${text}\n`)),
    status: (text) => {
      if (!words.live) return;
      clear();
      // One column is left free: a line that fills the terminal wraps and cannot be taken back.
      const fitting = text?.split("\n").map((line) => line.slice(0, words.columns - 1));
      status = fitting?.join("\n");
      redraw();
    },
    style: styleOf(results),
    noteStyle: styleOf(words),
    columns: results.columns,
    noteColumns: words.columns,
    live: words.live,
  };
}

function styleOf(screen: Screen): Style {
  const paint = (open: number, close: number): Paint =>
    screen.colour ? (text) => `\u001B[${open}m${text}\u001B[${close}m` : (text) => text;
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), green: paint(32, 39), yellow: paint(33, 39) };
}

/** The end of a verb's help: commands to type, and a last word. */

/** Lines such as `  airlake run FILE    what it does`, aligned; the last word below them. */
export function examples(lines: readonly (readonly [command: string, what: string])[], lastWord = ""): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const shown = lines.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`.trimEnd());
  return ["", "Examples:", ...shown, ...(lastWord === "" ? [] : ["", lastWord])].join("\n");
}

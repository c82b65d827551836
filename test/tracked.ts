import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** Every file that is, or is about to be, part of the repository: paths from its folder, sorted. */
export function trackedFiles(): readonly string[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const paths = new Set(listed.split("\0").filter((path) => path !== "" && existsSync(join(root, path))));
  return [...paths].toSorted();
}

/** A file's text, or undefined for one that is not text. */
export function textOf(path: string): string | undefined {
  const bytes = readFileSync(join(root, path));
  return bytes.includes(0) ? undefined : bytes.toString("utf8");
}

/** The lines of a file that a pattern matches, as `path:line: text`. */
export function linesMatching(path: string, pattern: RegExp): readonly string[] {
  const lines = (textOf(path) ?? "").split("\n");
  return lines.flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []));
}

/** A Markdown document without its code blocks. */
export function proseOf(path: string): string {
  return (textOf(path) ?? "").replaceAll(/^( *)(```|~~~)[\s\S]*?^\1\2[^\S\n]*$/gmu, "");
}

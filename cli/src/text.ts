/** How counts, sizes and names are written for people. */
import { displayWidth } from "./table.ts";

/** `1,234,567`. */
export function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

/** `1 source`, `2 sources`, `1,000 sources`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}

/** `14.2 MB`, in powers of 1000 as disks are sold. */
export function sized(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? "B"}`;
}

/** `0.4 s`, `12.3 s`, `2 min 5 s`. */
export function lasted(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** Text that others wrote, safe for a terminal: control characters cannot move the cursor or change colours. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, (sign) => {
    const code = sign.codePointAt(0) ?? 0;
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** A word that the shell takes as it is, or quoted where it would not. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** `2026-11-21 12:59` of an ISO 8601 instant in UTC; a dash for none. */
export function shortTime(instant: string | null): string {
  return instant === null ? "–" : instant.slice(0, 16).replace("T", " ");
}

/** Text in lines of at most `width` columns, broken at blanks; each begins with `indent`. Infinity: one line. */
export function wrapped(text: string, width: number, indent = ""): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && displayWidth(indent + longer) > width) {
      lines.push(indent + line);
      line = word;
    } else line = longer;
  }
  return [...lines, indent + line];
}

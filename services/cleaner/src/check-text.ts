/** Whether bytes are text: what the head gives away, and UTF-8 over chunks that may end inside a character. */
import { isUtf8 } from "node:buffer";

import type { Rejection } from "./rejection.ts";

/** How much of a source is looked at for the signs of a binary file. */
export const signatureBytes = 4096;

const signatures: readonly (readonly [name: string, bytes: string])[] = [
  ["a ZIP archive (or an Excel file)", "504b0304"],
  ["a gzip file inside a gzip file", "1f8b08"],
  ["a Parquet file", "50415231"],
  ["a Zstandard file", "28b52ffd"],
  ["a bzip2 file", "425a68"],
  ["an XZ file", "fd377a585a00"],
  ["a 7-Zip archive", "377abcaf271c"],
  ["a PDF document", "255044462d"],
  ["a PNG image", "89504e470d0a1a0a"],
  ["a JPEG image", "ffd8ff"],
  ["an Avro file", "4f626a01"],
  ["an ORC file", "4f5243"],
  ["an SQLite database", "53514c69746520666f726d61742033"],
  ["an old Excel file", "d0cf11e0a1b11ae1"],
];

/** What speaks against text in a source's first bytes (at most `signatureBytes` of them). */
export function judgeFirstBytes(first: Buffer): Rejection | undefined {
  const encoding = wideEncodingOf(first);
  if (encoding !== undefined) {
    return {
      reason: "wrong-encoding",
      detail: `The file is ${encoding}, not UTF-8 (at byte 0). Convert it to UTF-8 and put it again.`,
    };
  }
  const known = signatures.find(([, bytes]) => first.toString("hex", 0, bytes.length / 2) === bytes);
  if (known)
    return {
      reason: "binary-content",
      detail: `The file is ${known[0]}, not text. Put the table that it holds as CSV or JSON.`,
    };
  const share = controlShare(first);
  // A NUL or two in a field is a defect of one record; noise has control characters everywhere.
  if (share > 0.1 || (share > 0.02 && !isUtf8(first.subarray(0, first.length - unfinishedBytes(first))))) {
    return {
      reason: "binary-content",
      detail: `The file is binary, not text: ${Math.round(share * 100)} % of its first ${first.length} bytes are control characters. Put the table that it holds as CSV or JSON.`,
    };
  }
  return undefined;
}

function wideEncodingOf(first: Buffer): string | undefined {
  const mark = first.toString("hex", 0, 4);
  if (mark === "fffe0000" || mark === "0000feff") return "UTF-32";
  if (mark.startsWith("fffe") || mark.startsWith("feff")) return "UTF-16";
  return looksLikeUtf16(first) ? "UTF-16" : undefined;
}

/** Without a byte order mark: Latin letters in UTF-16 have a zero as every other byte. */
function looksLikeUtf16(first: Buffer): boolean {
  const half = first.length / 2;
  const zerosAt = (parity: number): number =>
    first.reduce((sum, byte, at) => sum + (byte === 0 && at % 2 === parity ? 1 : 0), 0);
  const [fewer = 0, more = 0] = [zerosAt(0), zerosAt(1)].toSorted((a, b) => a - b);
  return first.length >= 16 && more > 0.7 * half && fewer < 0.1 * half;
}

function controlShare(first: Buffer): number {
  let control = 0;
  for (const byte of first) if (byte < 9 || (byte > 13 && byte < 32)) control += 1;
  return first.length === 0 ? 0 : control / first.length;
}

/** Checks a text that comes in chunks. */
export interface TextCheck {
  /** Returns the bytes that are complete characters, or where the first wrong byte lies in the text, counted from 0. */
  readonly push: (chunk: Buffer) => Buffer | number;
  /** Where the text ends inside a character; undefined where it does not. */
  readonly end: () => number | undefined;
}

export function createTextCheck(): TextCheck {
  let offset = 0;
  let rest: Buffer = Buffer.alloc(0);
  return {
    push: (chunk) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const whole = bytes.length - unfinishedBytes(bytes);
      const text = bytes.subarray(0, whole);
      if (!isUtf8(text)) return offset + (firstInvalidByte(text) ?? 0);
      // A copy: the chunk's memory may be used again by whoever gave it.
      rest = Buffer.from(bytes.subarray(whole));
      offset += whole;
      return text;
    },
    end: () => (rest.length === 0 ? undefined : offset),
  };
}

/** How many bytes at the end (0 to 3) may be the beginning of a character that goes on in the next chunk. */
function unfinishedBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < characterBytes(byte) ? back : 0;
  }
  return 0;
}

function characterBytes(lead: number): number {
  if (lead < 0xc0) return 1; // ASCII, or a stray byte from inside a character
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}

/** The first byte that begins no whole UTF-8 character; undefined where all do. */
function firstInvalidByte(bytes: Buffer): number | undefined {
  for (let at = 0; at < bytes.length;) {
    const length = characterBytes(bytes[at] ?? 0);
    if (!isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
  return undefined;
}

/** Files that are no good as a whole, each with the reason that it must be rejected for. */
import { createWriteStream } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip, gzipSync } from "node:zlib";

import { LEGACY_COLUMNS } from "./plan.ts";
import type { Random } from "./prng.ts";
import type { BadFileTruth } from "./truth.ts";
import type { BadFileReason } from "./words.ts";

type BadFile = {
  readonly name: string;
  readonly reason: BadFileReason;
  readonly bytes: (random: Random) => Uint8Array;
};

const TOO_MANY_COLUMNS = 20_000;
const BOMB_NAME = "bad-bomb.csv.gz";
const BOMB_FIELD_BYTES = 64 * 1024;

const BAD_FILES: readonly BadFile[] = [
  { name: "bad-notes.txt", reason: "unrecognised-format", bytes: () => Buffer.from(NOTES) },
  {
    name: "bad-other-table.csv",
    reason: "unrecognised-format",
    bytes: () => Buffer.from("id,name,score\n1,ann,3\n2,bo,4\n"),
  },
  { name: "bad-empty.csv", reason: "empty-file", bytes: () => new Uint8Array(0) },
  { name: "bad-truncated.csv.gz", reason: "truncated-gzip", bytes: truncated },
  { name: "bad-checksum.csv.gz", reason: "corrupt-gzip", bytes: withWrongChecksum },
  { name: "bad-picture.csv", reason: "binary-content", bytes: picture },
  {
    name: "bad-utf16.csv",
    reason: "wrong-encoding",
    bytes: (random) => Buffer.from(`\u{feff}${legacyText(random)}`, "utf16le"),
  },
  { name: "bad-latin1.csv", reason: "wrong-encoding", bytes: (random) => Buffer.from(legacyText(random), "latin1") },
  { name: "bad-wide.csv", reason: "too-many-columns", bytes: wide },
];

const NOTES = "Maintenance notes\n\nThe inlet was cleaned on Tuesday; the filter follows next week.\n";

export const BAD_FILE_NAMES: readonly string[] = [...BAD_FILES.map((file) => file.name), BOMB_NAME];

/** Writes all bad files into the folder; the gzip bomb inflates to at least `bombBytes`. */
export async function writeBadFiles(
  folder: string,
  random: Random,
  bombBytes: number,
): Promise<readonly BadFileTruth[]> {
  const truths: BadFileTruth[] = [];
  for (const { name, reason, bytes } of BAD_FILES) {
    await writeFile(join(folder, name), bytes(random));
    truths.push({ name, reason });
  }
  truths.push(await writeBomb(folder, bombBytes));
  return truths;
}

/** A legacy CSV with letters that Latin-1 and UTF-8 write differently. */
function legacyText(random: Random): string {
  const rows = Array.from({ length: 200 }, (_, i) => {
    const minute = String(i % 60).padStart(2, "0");
    const hour = String(Math.floor(i / 60)).padStart(2, "0");
    const value = (random.unit() * 90).toFixed(6);
    const day = "2018-02-06";
    return `Bärenhöhe ${i},Kassel,DE,${day}T${hour}:${minute}:00Z,${day}T${hour}:${minute}:00+00:00,pm25,${value},ug/m3,51.31,9.48,[]`;
  });
  return `${LEGACY_COLUMNS.join(",")}\n${rows.join("\n")}\n`;
}

function truncated(random: Random): Uint8Array {
  const whole = gzipSync(legacyText(random));
  return whole.subarray(0, Math.floor(whole.length * 0.6));
}

/** The last eight bytes of gzip are the CRC-32 and the length. */
function withWrongChecksum(random: Random): Uint8Array {
  const whole = gzipSync(legacyText(random));
  const at = whole.length - 8;
  whole.writeUInt8(whole.readUInt8(at) ^ 0xff, at);
  return whole;
}

function picture(random: Random): Uint8Array {
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52];
  return Uint8Array.from([...signature, ...Array.from({ length: 4096 }, () => random.below(256))]);
}

/** A header that would be recognised, were it not for its width. */
function wide(): Uint8Array {
  const surplus = Array.from({ length: TOO_MANY_COLUMNS - LEGACY_COLUMNS.length }, (_, i) => `column_${i}`);
  const header = [...LEGACY_COLUMNS, ...surplus].join(",");
  return Buffer.from(`${header}\n${",".repeat(TOO_MANY_COLUMNS - 1)}\n`);
}

/** One good record over and over, each with 64 KiB of nothing in its last column. */
async function writeBomb(folder: string, bombBytes: number): Promise<BadFileTruth> {
  const header = Buffer.from(`${LEGACY_COLUMNS.join(",")}\n`);
  const fields = "Kassel,Kassel,DE,2018-02-06T10:00:00Z,2018-02-06T11:00:00+01:00,pm25,12.5,ug/m3,51.31,9.48,";
  const row = Buffer.from(`${fields}${"0".repeat(BOMB_FIELD_BYTES)}\n`);
  const rows = Math.max(2, Math.ceil((bombBytes - header.length) / row.length));
  const path = join(folder, BOMB_NAME);
  const content = function* (): Generator<Buffer> {
    yield header;
    for (let i = 0; i < rows; i += 1) yield row;
  };
  try {
    await pipeline(Readable.from(content(), { objectMode: false }), createGzip({ level: 9 }), createWriteStream(path));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return {
    name: BOMB_NAME,
    reason: "inflated-too-large",
    onlyWhenLimitBelow: {
      inflatedBytes: header.length + rows * row.length,
      otherwise: {
        format: "openaq-legacy-csv",
        read: rows,
        kept: 1,
        quarantined: rows - 1,
        reasons: { "duplicate-record": rows - 1 },
      },
    },
  };
}

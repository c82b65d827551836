/** Finds single records again in a normalised file, without reading all of it: of most sources few are quarantined. */
import { type FileHandle, open } from "node:fs/promises";

import type { RecordFile } from "./write-records.ts";

/** Beyond these a second reading of the whole file costs less. */
const mostPicks = 50_000;
const mostBlocksShare = 0.25;

/** Whether it is worth while to pick so many records out of the file. */
export function isWorthPicking(file: RecordFile, picks: number): boolean {
  return picks <= mostPicks && picks <= mostBlocksShare * file.marks.length;
}

/**
 * Copies the blocks of lines, from one mark to the next, that hold the records of these numbers, ascending, into a file of its own. Other records that
 * lie in the same blocks come with them.
 */
export async function pickRecords(file: RecordFile, numbers: readonly number[], path: string): Promise<RecordFile> {
  await using source = await open(file.path);
  await using target = await open(path, "w");
  for (const ranges of gathered(blocksOf(file, numbers))) await copyRanges(source, target, ranges);
  return { ...file, path, marks: [] };
}

/** From the first byte up to, not with, the last. */
interface Range {
  readonly from: number;
  readonly to: number;
}

function* blocksOf(file: RecordFile, numbers: readonly number[]): Generator<Range> {
  let at = 0;
  for (const [place, mark] of file.marks.entries()) {
    const next = file.marks[place + 1];
    let isWanted = false;
    for (; at < numbers.length && (numbers[at] ?? 0) < (next?.record ?? Infinity); at += 1) isWanted = true;
    if (isWanted) yield { from: mark.offset, to: next?.offset ?? file.bytes };
  }
}

const windowBytes = 1024 * 1024;

/** Ranges that lie close together, so that one read fetches them all. */
function* gathered(ranges: Iterable<Range>): Generator<readonly Range[]> {
  let group: Range[] = [];
  for (const range of ranges) {
    const [first] = group;
    if (first && range.to - first.from > windowBytes) {
      yield group;
      group = [];
    }
    group.push(range);
  }
  if (group.length > 0) yield group;
}

async function copyRanges(source: FileHandle, target: FileHandle, ranges: readonly Range[]): Promise<void> {
  const start = ranges[0]?.from ?? 0;
  const end = ranges.at(-1)?.to ?? start;
  const { buffer, bytesRead } = await source.read(Buffer.allocUnsafe(end - start), 0, end - start, start);
  if (bytesRead < end - start)
    throw new Error(`a normalised file is ${end - start - bytesRead} bytes shorter than written`);
  await target.appendFile(Buffer.concat(ranges.map(({ from, to }) => buffer.subarray(from - start, to - start))));
}

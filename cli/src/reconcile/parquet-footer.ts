/** Reads how many rows a Parquet object says it has, from its last bytes alone: enough to see that it is whole and the right one. */
import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { ObjectStore } from "@airlake/shared/object-store";

/** Most footers are shorter; of a longer one the rest is fetched. */
const tailBytes = 16 * 1024;
const magic = "PAR1";

/** The rows of a Parquet object of this size; a sentence on why it is none otherwise. */
export async function rowsInFooter(
  s3: ObjectStore,
  place: { readonly bucket: string; readonly key: string; readonly sizeBytes: number },
): Promise<number | string> {
  const tail = await readTail(s3, place, Math.min(place.sizeBytes, tailBytes));
  if (tail.length < 12 || tail.toString("latin1", tail.length - 4) !== magic) return "it does not end as Parquet does";
  const footerBytes = tail.readUInt32LE(tail.length - 8);
  if (footerBytes + 12 > place.sizeBytes) return "its footer is damaged";
  const whole = footerBytes + 8 <= tail.length ? tail : await readTail(s3, place, footerBytes + 8);
  return rowsOf(whole.subarray(whole.length - 8 - footerBytes, whole.length - 8)) ?? "its footer is damaged";
}

async function readTail(
  s3: ObjectStore,
  { bucket, key, sizeBytes }: { readonly bucket: string; readonly key: string; readonly sizeBytes: number },
  bytes: number,
): Promise<Buffer> {
  if (bytes === 0) return Buffer.alloc(0);
  const range = `bytes=${sizeBytes - bytes}-${sizeBytes - 1}`;
  const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, Range: range }));
  return Buffer.from((await got.Body?.transformToByteArray()) ?? []);
}

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

/** FileMetaData in Thrift's compact form: field 3 is num_rows, an i64. Undefined where the bytes are something else. */
function rowsOf(bytes: Buffer): number | undefined {
  const cursor: Cursor = { bytes, at: 0 };
  try {
    for (let field = 0; ;) {
      const head = byte(cursor);
      if (head === 0) return undefined;
      field = head >> 4 === 0 ? Number(zigzag(varint(cursor))) : field + (head >> 4);
      if (field === 3) return (head & 0x0f) === 6 ? Number(zigzag(varint(cursor))) : undefined;
      skip(cursor, head & 0x0f, 0);
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Deeper than any schema: damaged bytes must not end the stack. */
const deepest = 40;

function skip(cursor: Cursor, type: number, depth: number): void {
  if (depth > deepest) throw new RangeError("too deep");
  // 1 and 2 are booleans in the field's head itself.
  if (type === 1 || type === 2) return;
  if (type === 3) move(cursor, 1);
  else if (type >= 4 && type <= 6) varint(cursor);
  else if (type === 7) move(cursor, 8);
  else if (type === 8) move(cursor, Number(varint(cursor)));
  else if (type === 9 || type === 10) skipList(cursor, depth);
  else if (type === 12) skipStruct(cursor, depth);
  // Maps are not in a footer before its rows.
  else throw new RangeError(`type ${type}`);
}

function skipList(cursor: Cursor, depth: number): void {
  const head = byte(cursor);
  const length = head >> 4 === 15 ? Number(varint(cursor)) : head >> 4;
  const type = head & 0x0f;
  // In a list a boolean takes a byte.
  for (let at = 0; at < length; at += 1) skip(cursor, type === 1 || type === 2 ? 3 : type, depth + 1);
}

function skipStruct(cursor: Cursor, depth: number): void {
  for (let head = byte(cursor); head !== 0; head = byte(cursor)) {
    if (head >> 4 === 0) varint(cursor);
    skip(cursor, head & 0x0f, depth + 1);
  }
}

function move(cursor: Cursor, bytes: number): void {
  if (cursor.at + bytes > cursor.bytes.length) throw new RangeError("past the end");
  cursor.at += bytes;
}

function byte(cursor: Cursor): number {
  move(cursor, 1);
  return cursor.bytes[cursor.at - 1] ?? 0;
}

function varint(cursor: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const next = byte(cursor);
    value |= BigInt(next & 0x7f) << shift;
    if (next < 0x80) return value;
  }
  throw new RangeError("a number without an end");
}

function zigzag(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n);
}

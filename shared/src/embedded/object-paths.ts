/**
 * Where an object's file lies below its bucket's folder, and which key a file there has.
 *
 * An ordinary key is its own path. Only what no file name can hold is written otherwise, and every such spelling begins with
 * "%", which is itself always escaped: so the two functions are each other's inverse, and no path leaves the folder.
 *
 *   %        → %25               . and ..  → %2E and %2E%2E       an empty segment → %!
 *   a segment over 250 bytes is cut into folders that end in "%-" and a last piece
 */
const emptySegment = "%!";
const cutMark = "%-";
const longestPieceBytes = 250;
const escapes: Readonly<Record<string, string>> = { "%": "%25", "\0": "%00" };

/** Put behind a file's name where the name itself is taken by a folder (keys `a` and `a/b`). */
export const spareMark = "%_";

/** A key's path, relative to its bucket's folder, with "/". */
export function pathOfKey(key: string): string {
  return key.split("/").flatMap(namesOfSegment).join("/");
}

/** The key of a path that `pathOfKey` made; undefined for every other path. */
export function keyOfPath(path: string): string | undefined {
  const segments: string[] = [];
  let begun = "";
  for (const name of path.split("/")) {
    const isCut = name.endsWith(cutMark);
    begun += unescape(isCut ? name.slice(0, -cutMark.length) : name);
    if (isCut) continue;
    segments.push(begun);
    begun = "";
  }
  const key = segments.join("/");
  return pathOfKey(key) === path ? key : undefined;
}

function namesOfSegment(segment: string): readonly string[] {
  if (segment === "") return [emptySegment];
  const escaped = segment.replaceAll(/[%\0]/g, (character) => escapes[character] ?? character);
  const pieces = cut(escaped).map((piece) => (piece === "." || piece === ".." ? piece.replaceAll(".", "%2E") : piece));
  return pieces.map((piece, index) => (index < pieces.length - 1 ? piece + cutMark : piece));
}

/** Cuts between characters, never inside one of them or inside an escape. */
function cut(escaped: string): readonly string[] {
  if (Buffer.byteLength(escaped) <= longestPieceBytes) return [escaped];
  const pieces: string[] = [];
  let piece = "";
  let bytes = 0;
  for (const part of escaped.match(/%..|./gsu) ?? []) {
    const more = Buffer.byteLength(part);
    if (bytes + more > longestPieceBytes) {
      pieces.push(piece);
      piece = "";
      bytes = 0;
    }
    piece += part;
    bytes += more;
  }
  return [...pieces, piece];
}

function unescape(name: string): string {
  return name === emptySegment
    ? ""
    : name.replaceAll(/%(25|2E|00)/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)));
}

/**
 * Whether a line is one JSON object, byte by byte. DuckDB's own parser also takes trailing commas and comments; JSON.parse
 * would build objects that nobody needs. Like Python's parser, and unlike RFC 8259, it takes NaN, Infinity and -Infinity as
 * values: writers in the wild give them, and the rules of a dataset say what becomes of such a value.
 */

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const minus = 0x2d;
const digitZero = 0x30;
const digitNine = 0x39;
const colon = 0x3a;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const letterU = 0x75;

/** Deeper nesting is refused: no record needs it, and a parser's stack is not endless. */
const maxDepth = 200;

/** Where no value could be read. */
const bad = -1;

const literals = ["true", "false", "null", "NaN", "Infinity"].map((word) => Buffer.from(word));

/** Signs that may follow a backslash; `u` is followed by four hexadecimal digits. */
const escapes = new Set(Buffer.from('"\\/bfnrt'));

/** A line that is being checked. What follows it in the buffer is a line end, which no JSON goes across. */
interface Line {
  readonly text: Buffer;
  /** Whether an escape for half of a surrogate pair came by. */
  hasSurrogates: boolean;
}

/** What the bytes from `start` to `end` (a line end, or the buffer's end) are; blanks may stand around the object. */
export function judgeJsonLine(
  text: Buffer,
  start: number,
  end: number,
): "no-object" | "object" | "object-with-surrogates" {
  const line: Line = { text, hasSurrogates: false };
  const from = skipBlanks(text, start);
  if (text[from] !== openBrace) return "no-object";
  const to = skipObject(line, from + 1, maxDepth);
  if (to === bad || skipBlanks(text, to) !== end) return "no-object";
  return line.hasSurrogates ? "object-with-surrogates" : "object";
}

function skipValue(line: Line, at: number, depth: number): number {
  const first = line.text[at] ?? 0;
  if (first === quote) return skipString(line, at + 1);
  if (first === openBrace) return skipObject(line, at + 1, depth - 1);
  if (first === openBracket) return skipArray(line, at + 1, depth - 1);
  if (first === minus || isDigit(first)) return skipNumber(line.text, at);
  return skipLiteral(line.text, at);
}

function skipObject(line: Line, start: number, depth: number): number {
  if (depth === 0) return bad;
  const { text } = line;
  let at = skipBlanks(text, start);
  if (text[at] === closeBrace) return at + 1;
  for (;;) {
    at = text[at] === quote ? skipString(line, at + 1) : bad;
    if (at === bad) return bad;
    at = skipBlanks(text, at);
    if (text[at] !== colon) return bad;
    at = skipValue(line, skipBlanks(text, at + 1), depth);
    if (at === bad) return bad;
    at = skipBlanks(text, at);
    if (text[at] === closeBrace) return at + 1;
    if (text[at] !== comma) return bad;
    at = skipBlanks(text, at + 1);
  }
}

function skipArray(line: Line, start: number, depth: number): number {
  if (depth === 0) return bad;
  const { text } = line;
  let at = skipBlanks(text, start);
  if (text[at] === closeBracket) return at + 1;
  for (;;) {
    at = skipValue(line, at, depth);
    if (at === bad) return bad;
    at = skipBlanks(text, at);
    if (text[at] === closeBracket) return at + 1;
    if (text[at] !== comma) return bad;
    at = skipBlanks(text, at + 1);
  }
}

/** Control characters may not stand in a string: a line end neither. */
function skipString(line: Line, start: number): number {
  const { text } = line;
  const { length } = text;
  for (let at = start; at < length; at += 1) {
    const byte = text[at] ?? 0;
    // Most letters are passed over by this one comparison.
    if (byte > backslash) continue;
    if (byte === quote) return at + 1;
    if (byte < 0x20) return bad;
    if (byte === backslash) {
      at = skipEscape(line, at + 1);
      if (at === bad) return bad;
    }
  }
  return bad;
}

/** Returns the escape's last byte. */
function skipEscape(line: Line, at: number): number {
  const sign = line.text[at] ?? 0;
  if (escapes.has(sign)) return at;
  if (sign !== letterU) return bad;
  const code = line.text.toString("latin1", at + 1, at + 5);
  if (!/^[0-9a-fA-F]{4}$/.test(code)) return bad;
  if (/^[dD][89a-fA-F]/.test(code)) line.hasSurrogates = true;
  return at + 4;
}

function skipNumber(text: Buffer, start: number): number {
  const first = text[start] === minus ? start + 1 : start;
  if (text[first] === 0x49) return skipLiteral(text, first); // -Infinity
  const whole = skipDigits(text, first);
  // No digit at all, or a zero in front of others.
  if (whole === first || (text[first] === digitZero && whole > first + 1)) return bad;
  const fraction = text[whole] === 0x2e ? skipSomeDigits(text, whole + 1) : whole;
  return fraction === bad ? bad : skipExponent(text, fraction);
}

function skipExponent(text: Buffer, at: number): number {
  if (text[at] !== 0x65 && text[at] !== 0x45) return at;
  const isSigned = text[at + 1] === 0x2b || text[at + 1] === minus;
  return skipSomeDigits(text, at + (isSigned ? 2 : 1));
}

/** At least one. */
function skipSomeDigits(text: Buffer, start: number): number {
  const end = skipDigits(text, start);
  return end === start ? bad : end;
}

function skipDigits(text: Buffer, start: number): number {
  let at = start;
  while (isDigit(text[at] ?? 0)) at += 1;
  return at;
}

function isDigit(byte: number): boolean {
  return byte >= digitZero && byte <= digitNine;
}

function skipLiteral(text: Buffer, at: number): number {
  const word = literals.find((literal) => literal.compare(text, at, Math.min(text.length, at + literal.length)) === 0);
  return word === undefined ? bad : at + word.length;
}

function skipBlanks(text: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const byte = text[at];
    if (byte !== 0x20 && byte !== 0x09) return at;
    at += 1;
  }
}

/**
 * Half of a surrogate pair (`\ud83d` alone) is allowed in JSON, but is no character, and DuckDB refuses the line: it becomes
 * U+FFFD. The text is JSON.
 */
export function mendSurrogates(json: string): string {
  const tokens = /\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\./g;
  return json.replace(tokens, (token) => (token.length === 6 ? "\\ufffd" : token));
}

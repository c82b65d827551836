/** Odd texts: names in many scripts, characters that break readers, quotes where none belong, fields of a megabyte. */
import { quarantined, withFields, withShape, withVerbatim } from "./draft.ts";
import type { Kind } from "./kind.ts";
import { having, inCsv, kind, shown } from "./kind.ts";
import type { Random } from "./prng.ts";

const LOCATIONS = [
  "Two\nlines",
  "Windows\r\nlines",
  "Old\rMac",
  "a blank\n\nline between",
  "ends in a line\n",
  "\n\n",
  "tab\there",
  'a " in the middle',
  '"wholly quoted"',
  '""',
  "comma, semicolon; both",
  "Nul\0inside",
  "\0",
  "bom\u{feff}inside",
  "line\u{2028}separator",
  "next\u{85}line",
  "vertical\u{b}tab, form\u{c}feed",
  "\u{2003}em spaces\u{2003}",
  "\u{1b}[31mred",
  "zero\u{200b}width",
  "right-to-left \u{202e}override",
  "é and e\u{301}",
  "Z\u{337}\u{321}a\u{335}\u{35d}l\u{338}go",
  "👩‍🔬 👨‍👩‍👧‍👦 🇪🇺",
  "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈",
  "ﷺ",
  "ไม่มีช่องว่าง",
  "ქართული ანბანი",
  "한글 ㅎㄱ",
  "מָקוֹם",
  "مَكَان",
  "कृष्णा",
  "漢字・かな",
  "back\\slash\\n",
  "=SUM(A1:A9)",
  "'; DROP TABLE measurements; --",
  "NULL",
  "null",
  "None",
  "{}",
  '[{"a":1}]',
  "%2B+%20",
  "../../up",
  "<b>bold</b>",
  "37",
  "1e5",
  "NaN",
  "true",
  "\u{fffd}",
  "-",
  "ZZ/2018/02",
  "$1 ${x} {{y}}",
  "",
];

const CITIES = ["", "\u{a0}", "037", "N/A", "unused", "São Paulo, SP", "New\nTown", 'the "old" town', "東京都"];

/** What stands in the file, and what a reader makes of it: a quote counts only where a field begins. */
const LOOSE_QUOTES: readonly (readonly [verbatim: string, parsed: string])[] = [
  ['ab"c', 'ab"c'],
  ['ab""c', 'ab""c'],
  ['ab"', 'ab"'],
  ['"ab"c', "abc"],
  ['"ab"c"d"', 'abc"d"'],
  ['"a,b;c"d', "a,b;cd"],
  [' "ab"', ' "ab"'],
  ['"a""b"', 'a"b'],
  ['""""', '"'],
];

const BLANK_PARAMETERS = ["", " ", "\u{a0}", "\t", "\r\n"];

const HUNDRED_KILOBYTES = 100_000;
const MEGABYTE = 1_000_000;

const WORDS = ["smoke", "dust", "Nebel", "mgła", "дым", "灰尘", "ozone", '"', ",", ";", "haze", "αιθάλη", "0", "\n"];

/** At least this many UTF-16 units; words at random, since a run of one letter would look like a gzip bomb. */
function longText(random: Random, length: number): string {
  const words: string[] = [];
  let size = 0;
  while (size < length) {
    const word = random.pick(WORDS);
    words.push(word);
    size += word.length + 1;
  }
  return words.join(" ");
}

export const TEXT_KINDS: readonly Kind[] = [
  ...LOCATIONS.map((location) =>
    kind(`location ${shown(location)}`, "kept", (draft) => withFields(draft, { location })),
  ),
  ...CITIES.map((city) =>
    kind(`city ${shown(city)}`, "kept", (draft) => withFields(draft, { city }), { fits: having("city") }),
  ),
  kind("location between blanks", "kept", (draft) =>
    withFields(draft, { location: ` \t\u{a0}${draft.fields.location}\r\n ` }),
  ),
  ...LOOSE_QUOTES.map(([verbatim, location]) =>
    kind(
      `quotes ${verbatim}`,
      "kept",
      (draft) => withVerbatim(withFields(draft, { location }), { location: verbatim }),
      { fits: inCsv },
    ),
  ),
  kind("every field quoted", "kept", (draft) => withShape(draft, "all-quoted"), { fits: inCsv }),
  kind(
    "location of 100 kB",
    "kept",
    (draft, { random }) => withFields(draft, { location: longText(random, HUNDRED_KILOBYTES) }),
    { once: true },
  ),
  kind("location of 1 MB", "kept", (draft, { random }) => withFields(draft, { location: longText(random, MEGABYTE) }), {
    once: true,
    fits: (plan) => plan.hasLongestField,
  }),
  ...BLANK_PARAMETERS.map((parameter) =>
    kind(`parameter ${shown(parameter)}`, "missing-parameter", (draft) =>
      quarantined(withFields(draft, { parameter }), "missing-parameter"),
    ),
  ),
  kind("nothing but columns", "missing-parameter", (draft) =>
    quarantined(
      withFields(draft, { parameter: "", utc: "", local: "", value: "", unit: "", latitude: "", longitude: "" }),
      "missing-parameter",
    ),
  ),
];

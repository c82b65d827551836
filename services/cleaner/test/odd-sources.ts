/** Generators of odd, but text, sources of the openaq dataset: every rule's edges, every way to write CSV and JSON badly. */
import fc from "fast-check";

export interface OddSource {
  /** The last part of its key: it may tell the reference time. */
  readonly name: string;
  readonly text: string;
}

const columns = {
  legacy: "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution".split(","),
  v2: "locationId,location,city,country,utc,local,parameter,value,unit,latitude,longitude".split(","),
  archive: "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value".split(","),
  archiveWithCountry: "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value,city,country".split(","),
  explorer:
    "location_id,location_name,parameter,value,unit,datetimeUtc,datetimeLocal,timezone,latitude,longitude,country_iso,isMobile,isMonitor,owner_name,provider".split(
      ",",
    ),
  opendatasoft:
    "Country Code;City;Location;Coordinates;Pollutant;Source Name;Unit;Value;Last Updated;Country Label".split(";"),
};

const blank = fc.constantFrom("", "", "", "", " ", "\t", "\u00a0", "  ", " \u00a0", "\u2003", "\u000b");
const padded = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(blank, text, blank).map((parts) => parts.join(""));

const odd = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      "",
      "Delhi",
      "Paris",
      "x",
      "Łódź",
      "תחנה",
      "北京",
      "a,b",
      'say "hi"',
      "a;b",
      "line\nbreak",
      "cr\rhere",
      "crlf\r\nhere",
      "nul\u0000in",
      "😀",
      "e\u0301",
      "\ufeffmark",
      "\\",
      "'",
      "null",
      "NA",
      '""',
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 6 }) },
);

const good = {
  day: fc.constantFrom(
    "2018-02-06",
    "2018-02-28",
    "2020-02-29",
    "2016-12-31",
    "0001-01-01",
    "9998-12-31",
    "1969-12-31",
  ),
  time: fc.constantFrom(
    "10:00:00",
    "00:00:00",
    "23:59:59",
    "10:00",
    "10:00:00.5",
    "10:00:00.000",
    "10:00:00.1234567",
    "10:00:00.999999999999",
  ),
  offset: fc.constantFrom("Z", "+00:00", "-00:00", "+05:30", "-0800", "+0545", "+14:00", "-12:00"),
};
const goodInstant = fc
  .tuple(good.day, fc.constantFrom("T", "T", " "), good.time, good.offset)
  .map((parts) => parts.join(""));
const badInstant = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        "2018-02-06",
        "2018-02-30",
        "2019-02-29",
        "0000-01-01",
        "2018-13-01",
        "2018-00-10",
        "2018-1-01",
        "20180206",
        "18-02-06",
        "+2018-02-06",
        "２０１８-02-06",
      ),
      fc.constantFrom("T", " ", "t", "_", "  ", ""),
      fc.constantFrom(
        "10:00:00",
        "24:00:00",
        "24:00",
        "23:59:60",
        "23:60:00",
        "25:00:00",
        "1:00:00",
        "10",
        "10:00:",
        "10:00:00.",
        "10:00:00,5",
        "100000",
      ),
      fc.constantFrom(
        "Z",
        "z",
        "",
        "+24:00",
        "+23:59",
        "-23:59",
        "+23:60",
        "+05:99",
        "+22:99",
        "-24:00",
        "+99:99",
        "+05",
        "+5:30",
        "+05:3",
        "+053",
        "UTC",
        "Z ",
        "+05:30:15",
      ),
    )
    .map((parts) => parts.join("")),
  fc.constantFrom("", "now", "epoch", "infinity", "1517875594", "2018-02-06", "null", "2018-02-06T10:00:00Z Z"),
);
const instant = padded(fc.oneof({ weight: 5, arbitrary: goodInstant }, { weight: 2, arbitrary: badInstant }));

const numbers = fc.constantFrom(
  ..."0 -0 0.0 1 12.5 +3 .5 5. -.5 1e3 1E-3 1e+2 -1 -4.99 -5 -5.01 -0.05 -0.0500001 -0.049 -99 -99.0 -99.9 -99.99 -98.9999999999 -99.0000000001".split(
    " ",
  ),
  ..."-100 -100.5 -99.999 -999 -9999 -0.999 -9.999 -0.9999 -9.9999 -0.9990000000001 1e308 1e309 -1e309 1e-400 1e400 123456789012345678901234567890".split(
    " ",
  ),
  ..."90 -90 90.0001 180 -180 180.5 0.99 -0.99 1.0 48.85 2.35 0.1 00012 1e0001".split(" "),
);
const noNumbers = fc.constantFrom(
  ..."nan NaN inf -inf Infinity 1_000 0x10 1e 1e+ e5 . - + +- -+5 +-5 1.2.3 1,5 1-2 5- 1e5.5 true null n/a ½ 1d 1f 1L $5 1%".split(
    " ",
  ),
  "",
  "1 000",
  "1\u00a0000",
);
const number = padded(fc.oneof({ weight: 6, arbitrary: numbers }, { weight: 1, arbitrary: noNumbers }));
const country = padded(
  fc.constantFrom("", "US", "us", "Gb", "XK", "NA", "ZZ", "CH", "USA", "U", "Finland", "UK", "AN", "U S", "ＵＳ"),
);
const parameter = padded(
  fc.constantFrom("pm25", "PM2.5", "pm2.5", "o3", "Ozone", "RH", "humidity", "no2", "", "NOX", "a b"),
);
const unit = padded(
  fc.constantFrom("ppm", "ppb", "ug/m3", "µg/m³", "μg/m³", "μg/m3", "µg/m3", "ug/m³", "PPM", "", "c", "%"),
);

function fieldFor(column: string): fc.Arbitrary<string> {
  switch (column.toLowerCase()) {
    case "utc":
    case "local":
    case "datetime":
    case "datetimeutc":
    case "datetimelocal":
    case "last updated":
      return instant;
    case "value":
    case "latitude":
    case "longitude":
    case "lat":
    case "lon":
      return number;
    case "country":
    case "country_iso":
    case "country code":
      return country;
    case "parameter":
    case "pollutant":
      return parameter;
    case "unit":
    case "units":
      return unit;
    case "coordinates":
      return fc.oneof(
        fc.tuple(numbers, numbers).map(([lat, lon]) => `${lat}, ${lon}`),
        numbers,
        fc.constant(""),
        fc.constant("1,2,3"),
      );
    default:
      return padded(odd);
  }
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** A field as one writer or another would write it, most often well. */
function written(text: string, separator: string): fc.Arbitrary<string> {
  const needsQuotes = new RegExp(`["\r\n${separator}]`).test(text);
  const well = fc.constant(needsQuotes ? quoted(text) : text);
  return fc.oneof(
    { weight: 40, arbitrary: well },
    { weight: 8, arbitrary: fc.constant(quoted(text)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        text,
        ` ${quoted(text)}`,
        `${quoted(text)} `,
        `${quoted(text)}x`,
        `${quoted(text)}"y"`,
        `${text}"`,
        `"${text}`,
      ),
    },
  );
}

const lineEnd = fc.constantFrom("\n", "\n", "\r\n", "\r");
const strayLine = fc.constantFrom(
  "",
  "",
  " ",
  "\t",
  "a",
  ",",
  '"',
  '""',
  '"a',
  "a,b\u0000",
  ";;;",
  "\u00a0",
  ",,,,,,,,,,",
  "{}",
  "x\r",
  '"\n"',
);

function row(names: readonly string[], separator: string): fc.Arbitrary<string> {
  const fields = names.map((name) => fieldFor(name).chain((text) => written(text, separator)));
  return fc.oneof(
    { weight: 30, arbitrary: fc.tuple(...fields).map((parts) => parts.join(separator)) },
    { weight: 1, arbitrary: fc.tuple(...fields.slice(1)).map((parts) => parts.join(separator)) },
    { weight: 1, arbitrary: fc.tuple(...fields).map((parts) => `${parts.join(separator)}${separator}`) },
    { weight: 2, arbitrary: strayLine },
  );
}

/** Some rows come twice, so that there are duplicates. */
function withRepeats(rows: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> {
  return fc
    .tuple(fc.array(rows, { maxLength: 40 }), fc.array(fc.nat(), { maxLength: 10 }))
    .map(([all, picks]) => [...all, ...picks.flatMap((pick) => all.slice(pick % (all.length + 1)).slice(0, 1))]);
}

function joined(lines: fc.Arbitrary<readonly string[]>): fc.Arbitrary<string> {
  return fc
    .tuple(lines, fc.infiniteStream(lineEnd), fc.boolean(), fc.boolean())
    .map(([all, ends, hasMark, hasLastEnd]) => {
      const text = all.map((line) => line + String(ends.next().value)).join("");
      return (hasMark ? "\ufeff" : "") + (hasLastEnd ? text : text.replace(/(\r\n|\r|\n)$/, ""));
    });
}

const csvText = fc.constantFrom(...Object.keys(columns), "headerless").chain((kind) => {
  const names = kind === "headerless" ? columns.legacy : columns[kind as keyof typeof columns];
  return fc.constantFrom(",", ",", ";").chain((separator) => {
    const header = names.join(separator);
    const first =
      kind === "headerless"
        ? fc.constant(
            ["L", "C", "US", "2018-02-06T10:00:00Z", "2018-02-06T10:00:00Z", "o3", "1", "ppm", "48", "2", ""].join(
              separator,
            ),
          )
        : fc.constant(header);
    return joined(fc.tuple(first, withRepeats(row(names, separator))).map(([line, rows]) => [line, ...rows]));
  });
});

const jsonText = fc.oneof(padded(odd), fc.constant(null), fc.boolean());
const jsonNumber = fc.oneof(
  {
    weight: 4,
    arbitrary: numbers
      .filter((text) => /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(text))
      .map((text) => `#${text}#`),
  },
  { weight: 2, arbitrary: number },
  { weight: 1, arbitrary: fc.constantFrom(null, true, "#NaN#", "#Infinity#", "#-Infinity#", [], {}, [1]) },
);
const measurement = fc.record(
  {
    date: fc.oneof(
      {
        weight: 12,
        arbitrary: fc.record({ utc: fc.oneof(instant, fc.constant(null)), local: instant }, { requiredKeys: [] }),
      },
      { weight: 1, arbitrary: fc.constantFrom(null, "", [], {}) },
    ),
    parameter: fc.oneof(parameter, parameter, fc.constant(null)),
    location: jsonText,
    value: jsonNumber,
    unit: fc.oneof(unit, fc.constant(null)),
    city: jsonText,
    country: fc.oneof(country, fc.constant(null)),
    coordinates: fc.oneof(
      { weight: 6, arbitrary: fc.record({ latitude: jsonNumber, longitude: jsonNumber }, { requiredKeys: [] }) },
      { weight: 1, arbitrary: fc.constantFrom(null, [], {}, "") },
    ),
    averagingPeriod: fc.oneof(
      fc.record({ value: jsonNumber, unit: fc.constantFrom("hours", "minutes", "x") }),
      fc.constantFrom(null, 3),
    ),
    attribution: fc.constantFrom([{ name: 'A "b"', url: "http://x" }], null, "text"),
    mobile: fc.constantFrom(true, false, null, "x"),
  },
  { requiredKeys: ["date"] },
);
/** Numbers were marked with #, so that their text is written as it stands. */
const jsonLine = fc
  .tuple(measurement, fc.constantFrom("", "", " ", "\t"), fc.constantFrom("", "", " "))
  .map(([value, before, after]) => before + JSON.stringify(value).replaceAll(/"#([^#"]*)#"/g, "$1") + after);
const badJsonLine = fc
  .tuple(
    jsonLine,
    fc.nat(),
    fc.constantFrom("cut", "comma", "twice", "control", "surrogate", "escape", "bare", "comment"),
  )
  .map(([line, at, how]) => {
    const place = at % (line.length + 1);
    const changes: Readonly<Record<string, string>> = {
      cut: line.slice(0, place),
      comma: line.replace(/\}\s*$/, ",}"),
      twice: `${line}${line}`,
      control: line.replace(":", ":\u0001"),
      surrogate: line.replace("{", '{"s":"\\ud83d","t":"\\ude00\\ud83d\\ude00",'),
      escape: line.replace("{", '{"s":"\\x",'),
      bare: line.replace("{", "{s:1,"),
      comment: `${line}//x`,
    };
    return changes[how] ?? line;
  });
const strayJson = fc.constantFrom(
  "",
  " ",
  "\u00a0",
  "[]",
  "[1]",
  "3",
  '"x"',
  "null",
  "{",
  "}",
  "NaN",
  "{}",
  '{"a":01}',
  '{"a":1.}',
  '{"a":-}',
  "{'a':1}",
  '{"a":"\\u00zz"}',
  "\u00a0{}",
  '{"a":1} x',
  '{"a":nan}',
  '{"a":tru}',
  "\ufeff{}",
);
const ndjsonText = joined(
  withRepeats(
    fc.oneof(
      { weight: 12, arbitrary: jsonLine },
      { weight: 2, arbitrary: badJsonLine },
      { weight: 1, arbitrary: strayJson },
    ),
  ).map((lines) => [
    '{"date":{"utc":"2018-02-06T10:00:00.000Z","local":"2018-02-06T11:00:00+01:00"},"parameter":"o3","value":1}',
    ...lines,
  ]),
);

const sourceName = fc.constantFrom(
  "source.csv",
  "1517875594.ndjson.gz",
  "2018-02-06.csv",
  "2018-02-06.csv.gz",
  "2018-02-06-x.csv",
  "x1517875594y.txt",
  "11517875594.csv",
);

export const oddSource: fc.Arbitrary<OddSource> = fc.record({
  name: sourceName,
  text: fc
    .oneof({ weight: 3, arbitrary: csvText }, { weight: 1, arbitrary: ndjsonText })
    .map((text) => text.toWellFormed()),
});

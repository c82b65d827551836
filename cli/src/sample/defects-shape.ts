/** Records that are no records (columns that do not count up, lines that are no JSON object), and odd ones that are. */
import { quarantined, withFields, withShape, withVerbatim } from "./draft.ts";
import type { Shape } from "./draft.ts";
import type { Kind } from "./kind.ts";
import { having, inCsv, kind, shown } from "./kind.ts";

const BROKEN_ROWS: readonly Shape[] = [
  "too-few-columns",
  "too-many-columns",
  "trailing-separator",
  "other-separator",
  "line: --- end of block ---",
  "line: Service unavailable",
];

const BROKEN_JSON: readonly Shape[] = [
  ...(["json-cut-off", "json-trailing-comma", "json-two-objects", "json-in-array"] as const),
  ...(["line: [1,2,3]", "line: []", "line: 42", "line: -1.5e3", "line: null", "line: true", 'line: "text"'] as const),
  ...(["line: {", "line: }", "line: ,", "line: {'value':5}", "line: {value:5}", 'line: {"value" 5}'] as const),
  ...(["line: <html><body>502 Bad Gateway</body></html>", 'line: {"value":5} // five', "line: undefined"] as const),
];

/** Number literals that CSV would allow and JSON does not. */
const BROKEN_JSON_NUMBERS = [".5", "1.", "+3", "01", "-", "1e", "0x10", "1_000", "5,0"];

/** JSON literals for members that are usually strings; none changes what becomes of the record. */
const ODD_MEMBERS = [
  { city: "null" },
  { city: "" },
  { city: "37" },
  { location: "1274950" },
  { location: "null" },
  { location: '"caf\\u00e9 \\ud83c\\udf32 \\/ \\u0000"' },
];

export const SHAPE_KINDS: readonly Kind[] = [
  ...BROKEN_ROWS.map((shape) =>
    kind(`row ${shape}`, "malformed-record", (draft) => quarantined(withShape(draft, shape), "malformed-record"), {
      fits: inCsv,
    }),
  ),
  kind(
    "the header again",
    "bad-timestamp",
    (draft) => quarantined(withShape(draft, "repeated-header"), "bad-timestamp"),
    { fits: (plan) => inCsv(plan) && plan.header !== null },
  ),
  ...BROKEN_JSON.map((shape) =>
    kind(`JSON ${shape}`, "malformed-record", (draft) => quarantined(withShape(draft, shape), "malformed-record"), {
      fits: having("json"),
    }),
  ),
  ...BROKEN_JSON_NUMBERS.map((value) =>
    kind(
      `JSON literal ${value}`,
      "malformed-record",
      (draft) => quarantined(withVerbatim(draft, { value }), "malformed-record"),
      { fits: having("json") },
    ),
  ),
  ...['"tab\there"', '"nul\0here"', '"unknown \\x41 escape"', '"half \\u12 escape"', '"open', "'single'"].map(
    (location) =>
      kind(
        `JSON string ${shown(location)}`,
        "malformed-record",
        (draft) => quarantined(withVerbatim(draft, { location }), "malformed-record"),
        { fits: having("json") },
      ),
  ),
  ...(["line: {}", 'line: {"message":"limit reached","value":5}'] as const).map((shape) =>
    kind(`JSON ${shape}`, "missing-parameter", (draft) => quarantined(withShape(draft, shape), "missing-parameter"), {
      fits: having("json"),
    }),
  ),
  ...["null", "", '" "'].map((parameter) =>
    kind(
      `JSON parameter ${shown(parameter)}`,
      "missing-parameter",
      (draft) => quarantined(withVerbatim(draft, { parameter }), "missing-parameter"),
      { fits: having("json") },
    ),
  ),
  ...(["json-other-order", "json-more-members", "json-escaped", "json-spaced", "json-fewer-members"] as const).map(
    (shape) => kind(`JSON ${shape}`, "kept", (draft) => withShape(draft, shape), { fits: having("json") }),
  ),
  ...ODD_MEMBERS.map((verbatim) =>
    kind(`JSON ${shown(JSON.stringify(verbatim))}`, "kept", (draft) => withVerbatim(draft, verbatim), {
      fits: having("json"),
    }),
  ),
  kind(
    "JSON numbers as strings",
    "kept",
    (draft) =>
      withVerbatim(draft, {
        value: JSON.stringify(draft.fields.value),
        coordinates: JSON.stringify({ latitude: draft.fields.latitude, longitude: draft.fields.longitude }),
      }),
    { fits: having("json") },
  ),
  kind(
    "a JSON sentinel as string",
    "sentinel-value",
    (draft) => quarantined(withVerbatim(withFields(draft, { value: "-999" }), { value: '"-999.0"' }), "sentinel-value"),
    { fits: having("json") },
  ),
];

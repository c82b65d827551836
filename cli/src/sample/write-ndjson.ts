/** Records as lines of realtime NDJSON. */
import type { Draft, Field, Shape } from "./draft.ts";
import type { Random } from "./prng.ts";
import { attribution, sourceName } from "./write-csv.ts";
import type { WriteRecord } from "./write-csv.ts";

/** A member's name and its JSON text; an empty text leaves the member out. */
type Member = readonly [name: string, json: string];

/** What JSON calls a number; other spellings are delivered as strings. */
const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/u;

export const writeNdjsonRecord: WriteRecord = (draft, random) => {
  if (draft.shape.startsWith("line: ")) return draft.shape.slice("line: ".length);
  const members = membersOf(draft).filter(([, json]) => json !== "");
  return SHAPED[draft.shape]?.(members, random) ?? objectText(members);
};

const SHAPED: Readonly<Partial<Record<Shape, (members: readonly Member[], random: Random) => string>>> = {
  "json-cut-off": (members, random) => {
    const text = objectText(members);
    return text.slice(0, 1 + random.below(text.length - 1));
  },
  "json-trailing-comma": (members) => objectText(members).replace(/\}$/u, ",}"),
  "json-two-objects": (members) => objectText(members).repeat(2),
  "json-in-array": (members) => `[${objectText(members)}]`,
  "json-other-order": (members, random) => objectText(random.shuffle(members)),
  "json-more-members": (members) =>
    objectText([...unknownMembers(), ...members, ["extra", '{"value":-999,"deep":[[[{"utc":null}]]]}']]),
  "json-escaped": (members) => escaped(objectText(members)),
  "json-spaced": (members) => ` { ${members.map(([name, json]) => `"${name}" :\t${json}`).join(" , ")} } `,
};

function membersOf(draft: Draft): Member[] {
  const { fields, station } = draft;
  const needed: Member[] = [
    ["date", draft.verbatim.date ?? `{"utc":${member(draft, "utc")},"local":${member(draft, "local")}}`],
    ["parameter", member(draft, "parameter")],
    ["location", member(draft, "location")],
    ["value", draft.verbatim.value ?? numberText(fields.value)],
    ["unit", member(draft, "unit")],
    ["city", member(draft, "city")],
    ["coordinates", draft.verbatim.coordinates ?? coordinates(fields.latitude, fields.longitude)],
    ["country", member(draft, "country")],
  ];
  if (draft.shape === "json-fewer-members") return needed;
  return [
    ...needed,
    ["attribution", attribution(station)],
    ["averagingPeriod", '{"value":1,"unit":"hours"}'],
    ["sourceName", JSON.stringify(sourceName(station))],
    ["sourceType", '"government"'],
    ["mobile", "false"],
  ];
}

function member(draft: Draft, name: Field): string {
  return draft.verbatim[name] ?? JSON.stringify(draft.fields[name]);
}

function objectText(members: readonly Member[]): string {
  return `{${members.map(([name, json]) => `"${name}":${json}`).join(",")}}`;
}

function numberText(text: string): string {
  return JSON_NUMBER.test(text) ? text : JSON.stringify(text);
}

/** Left out where there are none, as the platform does. */
function coordinates(latitude: string, longitude: string): string {
  if (latitude === "" && longitude === "") return "";
  return `{"latitude":${numberText(latitude)},"longitude":${numberText(longitude)}}`;
}

/** Members that no format knows, some with the names of known ones further in. */
function unknownMembers(): Member[] {
  return [
    ["_id", '"00ff"'],
    ["meta", '{"parameter":"pm25","coordinates":{"latitude":0},"tags":["a",null,1e3,{"country":"XX"}]}'],
  ];
}

function escaped(json: string): string {
  return json
    .replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replaceAll("/", "\\/");
}

/** Files of measurements with defects of several kinds, the same for the same number. */

const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";
const places = [
  { location: "Liège, Herstal", city: "Liège", country: "BE", at: "50.66,5.63" },
  { location: 'The "Old" Mill', city: "Αθήνα", country: "GR", at: "37.98,23.73" },
  { location: "北京", city: "北京", country: "CN", at: "39.9,116.4" },
  { location: "Windhoek", city: "Windhoek", country: "NA", at: "-22.57,17.08" },
  { location: "Nowhere", city: "", country: "QQ", at: "," },
  { location: "Swiss by mistake", city: "Shanghai", country: "CH", at: "31.2,121.4" },
] as const;
const parameters = ["pm25", "PM10", "ozone", "no2"] as const;

/** One file: a key that fixes the reference time, and a body of about `records` lines. */
export function generatedFile(number: number, records: number): { readonly name: string; readonly body: string } {
  const lines = Array.from({ length: records }, (_, at) => lineOf(number, at));
  // A repeated line is a duplicate.
  const body = [header, ...lines, lines[0], ""].join("\n");
  return { name: `${1_519_900_000 + number}.csv`, body };
}

function lineOf(number: number, at: number): string {
  // A short file has one partition, a long one several: each costs requests.
  const place = places[(number + Math.floor(at / 60)) % places.length] ?? places[0];
  const month = 1 + ((number + Math.floor(at / 120)) % 2);
  const hour = String(at % 24).padStart(2, "0");
  const day = String(1 + (at % 27)).padStart(2, "0");
  const utc = at % 31 === 7 ? "yesterday" : `2018-0${month}-${day}T${hour}:00:00Z`;
  const value =
    at % 17 === 3 ? "-999" : at % 23 === 5 ? "n/a" : String(Math.round(((number * 37 + at * 11) % 900) - 4) / 10);
  const parameter = at % 29 === 11 ? "" : (parameters[at % parameters.length] ?? "pm25");
  const texts = [place.location, place.city].map((text) => `"${text.replaceAll('"', '""')}"`);
  return [...texts, place.country, utc, "", parameter, value, "µg/m³", place.at, ""].join(",");
}

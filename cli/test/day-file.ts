/** Small files of measurements, as the legacy CSV export has them. */

const header = "location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution";

/** One line; `hour` and `value` tell lines apart. */
export function line(hour: number, value: string | number = 10 + hour): string {
  const clock = `2018-02-06T${String(hour).padStart(2, "0")}:00:00`;
  const attribution = `"[{""name"":""EPA"",""url"":""https://epa.example""}]"`;
  return `Ghent,Flanders,BE,${clock}.000Z,${clock}+00:00,pm25,${value},µg/m³,51.05,3.72,${attribution}`;
}

/** A file of these lines with its header. */
export function dayFile(lines: readonly string[]): string {
  return [header, ...lines, ""].join("\n");
}

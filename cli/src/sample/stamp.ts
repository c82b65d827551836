/** Instants as text. */
export type StampStyle = {
  readonly separator?: "T" | " ";
  readonly seconds?: boolean;
  /** With its point, e.g. ".5"; needs seconds. */
  readonly fraction?: string;
  /** `colon` is +05:30, `bare` is +0530; `Z` is for offset 0 only. */
  readonly zone?: "Z" | "colon" | "bare" | "minus-zero";
};

/** ISO 8601 with an offset, e.g. 2018-02-06T11:00:00+01:00; the instant in milliseconds, the offset in minutes. */
export function stamp(instantMs: number, offsetMinutes: number, style: StampStyle): string {
  const wall = new Date(instantMs + offsetMinutes * 60_000).toISOString();
  const time = wall.slice(11, style.seconds === false ? 16 : 19);
  const fraction = style.fraction ?? "";
  return `${wall.slice(0, 10)}${style.separator ?? "T"}${time}${fraction}${zoneText(offsetMinutes, style.zone)}`;
}

/** "2018/02" of the wall clock at that offset. */
export function monthOf(instantMs: number, offsetMinutes: number): string {
  const wall = new Date(instantMs + offsetMinutes * 60_000);
  return `${wall.getUTCFullYear()}/${String(wall.getUTCMonth() + 1).padStart(2, "0")}`;
}

function zoneText(offsetMinutes: number, zone: StampStyle["zone"]): string {
  if (zone === "Z") return "Z";
  if (zone === "minus-zero") return "-00:00";
  const size = Math.abs(offsetMinutes);
  const hours = String(Math.floor(size / 60)).padStart(2, "0");
  const minutes = String(size % 60).padStart(2, "0");
  return `${offsetMinutes < 0 ? "-" : "+"}${hours}${zone === "bare" ? "" : ":"}${minutes}`;
}

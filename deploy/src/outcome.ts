/** What the bootstrap has done about one thing. */

export type Outcome = "created" | "changed" | "unchanged";

export interface Step {
  /** `queue`, `bucket`, … */
  readonly what: string;
  readonly name: string;
  readonly outcome: Outcome;
}

/** Whether two texts are the same JSON, whatever the order of members and whether numbers are quoted, as AWS changes both. */
export function isSameJson(left: string | undefined, right: string): boolean {
  return left !== undefined && canonical(JSON.parse(left)) === canonical(JSON.parse(right));
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(String(value));
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.toSorted().join(",")}}`;
}

/** Keys that somebody may have meant. */

/** At most three of the keys that are near to what was typed: the same end, or a few letters off. Nearest first. */
export function nearKeys(typed: string, keys: readonly string[]): readonly string[] {
  const scored = keys
    .map((key) => ({ key, distance: distanceTo(typed, key) }))
    .filter(({ distance }) => distance <= Math.max(2, typed.length / 4));
  return scored
    .toSorted((a, b) => a.distance - b.distance || (a.key < b.key ? -1 : 1))
    .slice(0, 3)
    .map(({ key }) => key);
}

function distanceTo(typed: string, key: string): number {
  // A key without its folders is the most usual slip.
  if (key.endsWith(`/${typed}`)) return 0;
  const name = key.slice(key.lastIndexOf("/") + 1);
  return Math.min(editDistance(typed, key), editDistance(typed, name) + 1);
}

/** How many letters are to be changed, added or taken away; exact up to 256 letters, beyond that of the ends. */
function editDistance(a: string, b: string): number {
  const [left, right] = [a.slice(-256), b.slice(-256)];
  let previous = Array.from({ length: right.length + 1 }, (_, at) => at);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let at = 1; at <= right.length; at += 1) {
      const same = left[row - 1] === right[at - 1] ? 0 : 1;
      current.push(Math.min((previous[at - 1] ?? 0) + same, (previous[at] ?? 0) + 1, (current[at - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}

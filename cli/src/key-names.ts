/** Keys that lie in one folder are read more easily without it. */

/** The folder that all keys share, with its slash ("" where they share none, or there is only one), and the keys without it. */
export function withoutSharedFolder(keys: readonly string[]): {
  readonly folder: string;
  readonly names: readonly string[];
} {
  const [first = ""] = keys;
  if (keys.length < 2) return { folder: "", names: keys };
  let folder = first.slice(0, first.lastIndexOf("/") + 1);
  while (folder !== "" && !keys.every((key) => key.startsWith(folder))) {
    folder = folder.slice(0, folder.lastIndexOf("/", folder.length - 2) + 1);
  }
  return { folder, names: keys.map((key) => key.slice(folder.length)) };
}

/** Which key a dropped file gets, and which files are left alone. Pure. */
import { maxKeyBytes } from "@airlake/shared/contracts/keys";

/** What a path inside the drop folder means. */
export type Meaning =
  | { readonly kind: "source"; readonly key: string }
  /** Of a file that somebody is still making: it gets its name when it is whole. */
  | { readonly kind: "unfinished" }
  | { readonly kind: "impossible"; readonly why: string };

export interface Naming {
  /** Folders of these names directly in the drop folder stand for their datasets. */
  readonly datasets: ReadonlySet<string>;
  /** The dataset of everything else. */
  readonly otherwise: string;
}

/**
 * `<dataset>/<path>` becomes the key as it is; anything else the same below the usual dataset, as `airlake run` names the files of
 * a folder. `inside` is the path in the drop folder, with `/`.
 */
export function meaningOf(inside: string, naming: Naming): Meaning {
  const parts = inside.split("/");
  if (parts.some(isUnfinishedName)) return { kind: "unfinished" };
  const isOfDataset = parts.length > 1 && naming.datasets.has(parts[0] ?? "");
  const key = isOfDataset ? inside : `${naming.otherwise}/${inside}`;
  if (Buffer.byteLength(key) > maxKeyBytes)
    return { kind: "impossible", why: `its key would be longer than ${maxKeyBytes} bytes` };
  // Node reads a name that is no UTF-8 with this sign in it, and then cannot find the file.
  if (inside.includes("\u{FFFD}")) return { kind: "impossible", why: "its name is not UTF-8" };
  return { kind: "source", key };
}

/** Hidden, or with an ending that downloads have until they are done. A folder of such a name hides all that is in it. */
export function isUnfinishedName(name: string): boolean {
  return name.startsWith(".") || unfinishedEndings.some((ending) => name.toLowerCase().endsWith(ending));
}

export const unfinishedEndings = [".part", ".tmp", ".crdownload"] as const;

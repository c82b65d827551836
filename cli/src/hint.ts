/** Commands that a person is told to type, for the lake that they are looking at. */
import { lakeIn } from "./config.ts";
import { shellWord } from "./text.ts";

/** `airlake sources`, or `airlake sources --lake elsewhere` where that lake is not the one that commands work on by themselves. */
export function typed(command: string, lake: string): string {
  const usual = lakeIn();
  const isUsual = lake === usual || (usual === "./lake" && lake === "lake");
  return isUsual ? command : `${command} --lake ${shellWord(lake)}`;
}

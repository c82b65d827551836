import { codeOf } from "./errors.ts";

/** Whether a process of this id runs, as far as can be seen from here: one in another container looks dead. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

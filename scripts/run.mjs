// Runs a program of ours as if it had been started itself: same terminal, same signals, same exit code.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Runs `node` (the installed one, first in the environment's PATH) in the project's folder.
 * Resolves to the exit code; death by a signal counts as 128 + its number, as in a shell.
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
export function runNode(args, env) {
  const child = spawn("node", args, { cwd: root, env, stdio: "inherit" });
  // Ctrl-C reaches the program by itself, and it is the program that decides how to end. SIGTERM comes to us alone.
  const forward = () => child.kill("SIGTERM");
  process.on("SIGINT", leaveToChild);
  process.on("SIGTERM", forward);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      process.off("SIGINT", leaveToChild);
      process.off("SIGTERM", forward);
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
    });
  });
}

function leaveToChild() {}

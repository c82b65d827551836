// Installs what is missing, and nothing twice. Runs on the Node that is there (20 or later) with no package installed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");

/** The Node that everything runs on, whatever the machine's own is: it comes as a package. */
const node = join(modules, "node", "bin", "node");

const needs = {
  production: { what: "what running needs", size: "350 MB", flags: ["--omit=dev"] },
  all: { what: "what the tests and checks need", size: "550 MB", flags: ["--include=dev"] },
};

/**
 * Makes sure that the packages of the lock file are installed: those that running needs ("production") or "all".
 * Asks no network when they are. Returns the environment in which installed programs find each other and Node 24.
 * @param {"production" | "all"} mode
 * @returns {NodeJS.ProcessEnv}
 */
export function ensureInstalled(mode) {
  if (!isInstalled(mode)) install(mode);
  return { ...process.env, PATH: `${join(modules, ".bin")}:${process.env.PATH ?? ""}` };
}

/**
 * npm keeps its own record of what it has put into node_modules, written last. Comparing that with the lock file
 * needs no mark of ours, and is right after an interrupted install, a pull, or an `npm ci` by hand.
 */
function isInstalled(mode) {
  const locked = readPackages(join(root, "package-lock.json"));
  const installed = readPackages(join(modules, ".package-lock.json"));
  if (locked === undefined)
    fail("package-lock.json is missing or no JSON: restore it with `git checkout package-lock.json`.");
  if (installed === undefined || !existsSync(node)) return false;
  return Object.entries(locked).every(
    ([path, entry]) =>
      !path.includes("node_modules/") ||
      entry.optional === true ||
      (mode === "production" && (entry.dev === true || entry.devOptional === true)) ||
      (installed[path] !== undefined && installed[path].version === entry.version),
  );
}

function install(mode) {
  const { what, size, flags } = needs[mode];
  // `npm ci` starts from nothing and insists that lock file and package.json agree. Where something is installed
  // already, adding to it is faster, and does not take away what the tests need because the demo does not.
  const hasTools = existsSync(join(modules, "vitest"));
  const command = existsSync(join(modules, ".package-lock.json")) ? ["install", "--no-save"] : ["ci"];
  const chosen = hasTools ? needs.all.flags : flags;
  process.stderr.write(`Installing ${what} (about ${size} on disk, once) …\n`);
  const startedAt = performance.now();
  const result = runNpm([...command, ...chosen, "--no-audit", "--no-fund"]);
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
    fail(
      `npm could not install ${what}${result.error ? ` (${result.error.message})` : ""}: its own words are above. Mend that, then run the same command again.`,
    );
  }
  if (!isInstalled(mode)) {
    process.stderr.write(`${result.stdout}${result.stderr}`);
    fail(
      "npm said that it had installed everything, but packages are missing. If package.json was changed by hand, run `npm install`; else delete node_modules and run the same command again.",
    );
  }
  process.stderr.write(`Installed in ${Math.round((performance.now() - startedAt) / 1000)} s.\n`);
}

function runNpm(args) {
  const options = { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024, stdio: ["ignore", "pipe", "pipe"] };
  const npm = process.env.npm_execpath;
  return npm?.endsWith("npm-cli.js")
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync("npm", args, options);
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}

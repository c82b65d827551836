// What a linter cannot see: that the repository keeps its own promises about names, words, documents and imports.
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { describe, expect, test } from "vitest";
import type { z } from "zod";

import { linesMatching, proseOf, root, textOf, trackedFiles } from "./tracked.ts";

const files = trackedFiles();
const documents = files.filter((path) => path.endsWith(".md"));
const sources = files.filter((path) => /^(shared|cli|services\/[^/]+)\/src\/.*\.(ts|sql)$/u.test(path));
const services = [...new Set(sources.flatMap((path) => /^services\/([^/]+)\//u.exec(path)?.[1] ?? []))];

describe("a service", () => {
  test.each(services)("%s has the files that every service has, or its README says which it lacks", (service) => {
    const readme = readIfThere(`services/${service}/README.md`);
    const usual = ["main.ts", "start.ts", "config.ts", "handle.ts", "parse.ts"];

    const lacking = usual.filter((name) => !sources.includes(`services/${service}/src/${name}`));

    expect(lacking.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });

  test.each(services)("%s documents exactly the variables of its schema, with their defaults", async (service) => {
    const readme = readIfThere(`services/${service}/README.md`);
    const schema = await configSchemaOf(service);

    const documented = variablesIn(readme);

    expect(documented).toEqual(variablesOf(schema));
  });
});

describe("a document", () => {
  test.each(documents)("%s has one title", (path) => {
    expect(proseOf(path).match(/^# .+$/gmu) ?? []).toHaveLength(1);
  });

  test.each(documents)("%s links to files that are there", (path) => {
    const links = [...proseOf(path).matchAll(/\]\((?!\w+:|#)([^)#\s]+)/gu)].map((link) => link[1] ?? "");

    expect(links.filter((link) => !existsSync(join(root, dirname(path), decodeURI(link))))).toEqual([]);
  });

  test("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(textOf("package.json") ?? "") as { scripts: Record<string, string> };
    const named = documents.flatMap((path) =>
      [...(textOf(path) ?? "").matchAll(/\bnpm run ([a-z][a-z:-]*)/gu)].map((match) => match[1] ?? ""),
    );

    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  test("that is a decision stands in the index of decisions", () => {
    const decisions = documents.filter((path) => /^docs\/adr\/\d/u.test(path)).map((path) => path.slice(9));
    const index = readIfThere("docs/adr/README.md");

    expect(decisions.filter((name) => !index.includes(`](${name})`) && !index.includes(`](./${name})`))).toEqual([]);
  });
});

describe("a source file", () => {
  test("has at most 400 lines", () => {
    const long = sources.filter((path) => (textOf(path) ?? "").split("\n").length > 401);

    expect(long).toEqual([]);
  });

  test("outside datasets knows no word of a dataset", () => {
    const names = files.flatMap((path) => /^datasets\/([^/]+)\//u.exec(path)?.[1] ?? []);
    const words = new Set([...names, "openaq", "opendatasoft", "irceline", "attribution", "ozone", "pm1", "pm10"]);
    const pattern = new RegExp(`\\b(${[...words].join("|")})\\b|pm_?2\\.?5|[µμ]g|openaq|measurements`, "iu");
    const judged = sources.filter((path) => !path.startsWith("cli/") && !path.startsWith("shared/src/testing/"));

    expect(judged.flatMap((path) => linesMatching(path, pattern))).toEqual([]);
  });

  test("does nothing when it is imported", async () => {
    const modules = sources.filter((path) => path.endsWith(".ts") && !path.endsWith("/main.ts"));
    const script = modules.map((path) => `await import(${JSON.stringify(`./${path}`)});`).join("\n");

    const imported = await runScript(script);

    expect(imported).toEqual({ ended: "by itself", stdout: "", stderr: "" });
  });
});

describe("the repository", () => {
  const texts = files.filter((path) => textOf(path) !== undefined);

  test("ends every text file with a newline", () => {
    const open = texts.filter((path) => !/^$|\n$/u.test((textOf(path) ?? "").slice(-1)));

    expect(open).toEqual([]);
  });

  test("names no machine's folders", () => {
    const ownFolder = root.replace(/\/$/u, "");
    const everywhere = new Set(["/", homedir(), tmpdir(), "/tmp", "/srv", "/opt", "/home", "/root"]);
    const folders = [ownFolder, dirname(ownFolder)].filter((folder) => !everywhere.has(folder));
    const pattern = new RegExp(`(^|[^\\w.])(${[...folders, "/home/\\w+", "/Users/\\w+"].join("|")})/`, "u");

    expect(texts.flatMap((path) => linesMatching(path, pattern))).toEqual([]);
  });

  test("names no package registry", () => {
    const pattern = /registry\.npmjs|npmjs\.org\/|yarnpkg\.com|pythonhosted\.org|deb\.debian\.org|crates\.io/u;

    expect(texts.flatMap((path) => linesMatching(path, pattern))).toEqual([]);
  });

  test("locks packages by content, not by where they were fetched", () => {
    const { packages } = JSON.parse(textOf("package-lock.json") ?? "") as { packages: Record<string, Locked> };
    const locked = Object.entries(packages).filter(([path, entry]) => path.includes("node_modules/") && !entry.link);

    expect(locked.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
    expect(locked.filter(([, entry]) => entry.integrity === undefined).map(([path]) => path)).toEqual([]);
  });

  test("locks what every package.json asks for, and nothing of folders that are gone", () => {
    const { packages } = JSON.parse(textOf("package-lock.json") ?? "") as { packages: Record<string, Locked> };
    const declaring = Object.keys(packages).filter((path) => !path.includes("node_modules/"));
    const declared = files.filter((path) => /(^|\/)package\.json$/u.test(path)).map((path) => dirname(path));

    expect(declaring.map((path) => path || ".").toSorted()).toEqual(declared.toSorted());
    for (const path of declaring) expect(asksOf(packages[path])).toEqual(asksOf(manifestIn(path)));
  });

  test("locks what other platforms need too", () => {
    const { packages } = JSON.parse(textOf("package-lock.json") ?? "") as { packages: Record<string, Locked> };
    const platforms = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

    const wanted = platforms.map((platform) => `node_modules/@duckdb/node-bindings-${platform}`);

    expect(wanted.filter((path) => packages[path] === undefined)).toEqual([]);
  });
});

interface Locked extends Asks {
  readonly link?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
}

function readIfThere(path: string): string {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
}

interface Asks {
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** What a package asks for, of all that its declaration or its entry in the lock file says. */
function asksOf({ workspaces = [], dependencies = {}, devDependencies = {} }: Asks = {}): Asks {
  return { workspaces, dependencies, devDependencies };
}

function manifestIn(folder: string): Asks {
  return JSON.parse(textOf(join(folder, "package.json")) ?? "") as Asks;
}

/** Runs a script from the repository's folder; it has 25 s to end by itself. */
function runScript(
  script: string,
): Promise<{ readonly ended: string; readonly stdout: string; readonly stderr: string }> {
  const args = ["--input-type=module", "--eval", script];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root, timeout: 25_000 }, (error, stdout, stderr) => {
      const ended = error === null ? "by itself" : error.killed === true ? "by force" : `with code ${error.code}`;
      resolve({ ended, stdout, stderr });
    });
  });
}

async function configSchemaOf(service: string): Promise<z.ZodObject> {
  const module = (await import(join(root, `services/${service}/src/config.ts`))) as { configSchema: z.ZodObject };
  return module.configSchema;
}

/** Every variable of a schema with its default as a README writes it; "" for one without. */
function variablesOf(schema: z.ZodObject): Readonly<Record<string, string>> {
  const defaults = Object.entries(schema.shape).map(([name, type]) => {
    const parsed = (type as z.ZodType).safeParse(undefined);
    const text = typeof parsed.data === "string" || typeof parsed.data === "number" ? `${parsed.data}` : "";
    // A README names the usual folder for temporary files, a machine may have another.
    return [name, text.replace(tmpdir(), "/tmp")] as const;
  });
  return Object.fromEntries(defaults);
}

/** The rows of a README's table `| variable | default | meaning |`; a default is written as code, or there is none. */
function variablesIn(readme: string): Readonly<Record<string, string>> {
  const rows = [...readme.matchAll(/^\| *`([A-Z][A-Z0-9_]*)` *\|([^|]*)\|/gmu)];
  return Object.fromEntries(rows.map(([, name = "", cell = ""]) => [name, /`([^`]+)`/u.exec(cell)?.[1] ?? ""]));
}

/** From flags, environment and file to one valid configuration: flags win over environment, that over the file, that over defaults. */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { ConfigError } from "./config-error.ts";
import { configKeys, environmentName } from "./keys.ts";
import { nearestKey } from "./nearest-key.ts";
import { configSchema, crossCheck, type PleiadConfig } from "./schema.ts";

export type ConfigSource = "flag" | "environment" | "file" | "default";

export interface LoadedConfig {
  readonly config: PleiadConfig;
  /** Where a key's value came from. A key that somebody set is obeyed or refused; a default may give way. */
  readonly sourceOf: (path: string) => ConfigSource;
  /** The file that was read, if any. */
  readonly file: string | undefined;
  /** Harmless oddities, such as an environment variable that names no key. */
  readonly warnings: readonly string[];
  /** The same flags and environment, and the file as it is now. Throws ConfigError. */
  again(): LoadedConfig;
}

export interface ConfigInputs {
  /** Dotted path to value: strings as typed, or values. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Value of --config. */
  readonly file?: string | undefined;
}

type Tree = { [key: string]: unknown };

const pathKeys = new Set(["data", "join", "pg_bin", "tls.certificate", "tls.key"]);
/** Variables of ours that are no keys. */
const otherVariables = new Set(["PLEIAD_CONFIG"]);

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The keys on the way. What stands below a map is one name, dots and all: server.settings.pg_stat_statements.max. */
function partsOf(path: string): string[] {
  const map = configKeys.find((key) => key.type === "map" && path.startsWith(`${key.path}.`))?.path;
  return map === undefined ? path.split(".") : [...map.split("."), path.slice(map.length + 1)];
}

function setPath(tree: Tree, path: string, value: unknown): void {
  const parts = partsOf(path);
  const last = parts.pop()!;
  let at = tree;
  for (const part of parts) {
    const next = at[part];
    at = isTree(next) ? next : ((at[part] = {} as Tree) as Tree);
  }
  at[last] = value;
}

function getPath(tree: Tree, path: string): unknown {
  let at: unknown = tree;
  for (const part of path.split(".")) at = isTree(at) ? at[part] : undefined;
  return at;
}

/** Text of a flag or a variable as a value of the key's type; lists and maps are written as YAML or JSON. */
function valueFromText(path: string, text: string): unknown {
  const key = configKeys.find((candidate) => candidate.path === path);
  if (!key || key.type === "string") return text;
  try {
    return parseYaml(text);
  } catch {
    return text;
  }
}

const words = new Map([
  ["on", true],
  ["yes", true],
  ["off", false],
  ["no", false],
]);

/** Makes paths absolute, and lets yes-or-no keys be written as in postgresql.conf, where YAML sees a string. */
function normalise(tree: Tree, base: string): void {
  for (const { path } of configKeys.filter((key) => key.type === "boolean")) {
    const value = getPath(tree, path);
    const meant = typeof value === "string" ? words.get(value.toLowerCase()) : undefined;
    if (meant !== undefined) setPath(tree, path, meant);
  }
  for (const path of pathKeys) {
    const value = getPath(tree, path);
    if (typeof value === "string") {
      setPath(tree, path, resolve(base, value.replace(/^~(?=\/|$)/, homedir())));
    }
  }
}

function readEnvironment(environment: ConfigInputs["environment"], warnings: string[]): Tree {
  const tree: Tree = {};
  const known = new Map(configKeys.map((key) => [environmentName(key.path), key.path]));
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith("PLEIAD_") || text === undefined || otherVariables.has(name)) continue;
    const path = known.get(name);
    if (path !== undefined) {
      setPath(tree, path, valueFromText(path, text));
      continue;
    }
    // Not refused: orchestrators set variables such as PLEIAD_SERVICE_HOST for a service of this name.
    const near = nearestKey(name, [...known.keys()]);
    if (near) warnings.push(`environment variable ${name} is not used; did you mean ${near}?`);
  }
  normalise(tree, process.cwd());
  return tree;
}

function readFlags(flags: ConfigInputs["flags"]): Tree {
  const tree: Tree = {};
  for (const [path, value] of Object.entries(flags)) {
    if (value !== undefined)
      setPath(tree, path, typeof value === "string" ? valueFromText(path, value) : value);
  }
  normalise(tree, process.cwd());
  return tree;
}

function readFile(file: string): Tree {
  let value: unknown;
  try {
    value = parseYaml(readFileSync(file, "utf8"));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ConfigError([`${file}: ${code === "ENOENT" ? "there is no such file" : message}`]);
  }
  if (value === null || value === undefined) return {};
  if (!isTree(value)) throw new ConfigError([`${file}: must hold keys with values, as in "port: 5432"`]);
  normalise(value, dirname(resolve(file)));
  return value;
}

function merge(under: Tree, over: Tree): Tree {
  const result: Tree = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    result[key] = isTree(below) && isTree(value) ? merge(below, value) : value;
  }
  return result;
}

/** Where the data lies when nobody says so. */
function defaultDataDirectory(): string {
  return process.getuid?.() === 0 ? "/var/lib/pleiad" : join(homedir(), ".local", "share", "pleiad");
}

/** serverr → serverr.fsync, when that is all that was written below it. */
function onlyLeaf(tree: Tree, path: string): string {
  const value = getPath(tree, path);
  const [only, another] = isTree(value) ? Object.keys(value) : [];
  return only === undefined || another !== undefined ? path : onlyLeaf(tree, `${path}.${only}`);
}

function problemsOf(error: z.ZodError, tree: Tree, where: (path: string) => string): string[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.join(".");
    if (issue.code !== "unrecognized_keys") {
      const value = getPath(tree, path);
      // A secret is no key of the configuration: values may be shown.
      const given = value === undefined ? "" : `${JSON.stringify(value)}: `;
      return [`${where(path)}${path}: ${given}${issue.message}`];
    }
    return issue.keys.map((key) => {
      const full = onlyLeaf(tree, path === "" ? key : `${path}.${key}`);
      const element = issue.path.find((part) => typeof part === "number");
      const known =
        element === undefined
          ? configKeys.map((candidate) => candidate.path)
          : (configKeys.find((candidate) => candidate.path === issue.path[0])?.elementKeys ?? []).map(
              (candidate) => candidate.path,
            );
      const near = nearestKey(element === undefined ? full : key, known);
      return `${where(full)}unknown key "${full}"${near ? `; did you mean "${near}"?` : ""}`;
    });
  });
}

/** What a value must be, in words of an operator; undefined: as zod says it. */
function wording(issue: z.core.$ZodRawIssue): string | undefined {
  const names: Readonly<Record<string, string>> = {
    int: "a whole number",
    number: "a number",
    boolean: "true or false",
    string: "a text",
    array: "a list",
    object: "a group of keys",
  };
  if (issue.code === "invalid_type") return `must be ${names[issue.expected] ?? issue.expected}`;
  if (issue.code === "too_small" && issue.origin !== "string") return `must be at least ${issue.minimum}`;
  if (issue.code === "too_big" && issue.origin !== "string") return `must be at most ${issue.maximum}`;
  if (issue.code === "invalid_value") return `must be one of ${issue.values.join(", ")}`;
  return undefined;
}

export function loadConfig(inputs: ConfigInputs): LoadedConfig {
  const warnings: string[] = [];
  const flags = readFlags(inputs.flags);
  const environment = readEnvironment(inputs.environment, warnings);
  const named = inputs.file ?? inputs.environment["PLEIAD_CONFIG"];
  const said = getPath(flags, "data") ?? getPath(environment, "data");
  const data = typeof said === "string" ? said : defaultDataDirectory();
  const files = ["pleiad.yaml", join(data, "pleiad.yaml")].map((file) => resolve(file));
  // The working directory may be another one later.
  const given = named && resolve(named);
  const load = (): LoadedConfig => {
    const file = given ?? files.find((candidate) => existsSync(candidate));
    return combine(flags, environment, file, warnings, load);
  };
  return load();
}

function combine(
  flags: Tree,
  environment: Tree,
  file: string | undefined,
  warnings: readonly string[],
  again: () => LoadedConfig,
): LoadedConfig {
  const fromFile = file === undefined ? {} : readFile(file);
  const layers: [ConfigSource, Tree][] = [
    ["flag", flags],
    ["environment", environment],
    ["file", fromFile],
  ];
  const sourceOf = (path: string): ConfigSource =>
    layers.find(([, tree]) => getPath(tree, path) !== undefined)?.[0] ?? "default";
  const where = (path: string) => {
    const source = sourceOf(path);
    if (source === "file") return `${file}: `;
    return source === "default" ? "" : `${source}: `;
  };

  const merged = merge(fromFile, merge(environment, flags));
  const parsed = configSchema.safeParse(merged, { error: wording });
  if (!parsed.success) throw new ConfigError(problemsOf(parsed.error, merged, where));
  const problems = crossCheck(parsed.data);
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    config: { ...parsed.data, data: resolve(parsed.data.data ?? defaultDataDirectory()) },
    sourceOf,
    file,
    warnings,
    again,
  };
}

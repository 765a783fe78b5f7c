/** Which settings of a running cluster change without a restart. Pure: from what is in force and what is configured now to what will be. */
import { ConfigError } from "./config-error.ts";
import { configKeys } from "./keys.ts";
import { crossCheck, type PleiadConfig } from "./schema.ts";

export interface ReloadedConfig {
  /** What is configured now, but for what needs a restart. */
  readonly config: PleiadConfig;
  /** Keys that are configured otherwise, and keep their values until the next start. */
  readonly needRestart: readonly string[];
}

type Tree = { [key: string]: unknown };

/** Throws a ConfigError when the two do not go together. */
export function reloadConfig(running: PleiadConfig, wanted: PleiadConfig): ReloadedConfig {
  const config = structuredClone(wanted) as unknown as Tree;
  const needRestart: string[] = [];
  for (const { path, section, reload } of configKeys) {
    if (section || reload) continue;
    const value = at(running as unknown as Tree, path);
    if (JSON.stringify(value) === JSON.stringify(at(config, path))) continue;
    needRestart.push(path);
    put(config, path, value);
  }
  const result = config as unknown as PleiadConfig;
  const problems = crossCheck(result);
  if (problems.length > 0)
    throw new ConfigError(problems.map((problem) => `${problem}, until the next start`));
  return { config: result, needRestart };
}

function at(tree: Tree, path: string): unknown {
  return path.split(".").reduce<unknown>((inner, part) => (inner as Tree | undefined)?.[part], tree);
}

function put(tree: Tree, path: string, value: unknown): void {
  const parts = path.split(".");
  const last = parts.pop()!;
  const section = parts.reduce((inner, part) => inner[part] as Tree, tree);
  if (value === undefined) delete section[last];
  else section[last] = value;
}

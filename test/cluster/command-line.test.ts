/** What the command line says to people and to programs: help, JSON, errors that name what was meant, exit codes. No server is started. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pleiad, type CommandResult } from "./pleiad-command.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const commands = [
  "up",
  "down",
  "reload",
  "status",
  "logs",
  "psql",
  "destroy",
  "demo",
  "config reference",
  "config check",
];

let directory: string;
let data: string;

beforeAll(() => {
  directory = temporaryDirectory("command-line");
  data = join(directory, "data");
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function bothWays(args: readonly string[]): Promise<[people: CommandResult, programs: CommandResult]> {
  return Promise.all([pleiad(...args, "--data", data), pleiad(...args, "--data", data, "--json")]);
}

describe("help", () => {
  test.each(commands)("%s", async (command) => {
    const { code, stdout, stderr } = await pleiad(...command.split(" "), "--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Usage: pleiad ${command}`);
    expect(stdout).toContain("--json");
  });

  test("the list of commands leaves out those that Pleiad itself uses", async () => {
    const { code, stdout } = await pleiad("--help");
    expect(code).toBe(0);
    for (const command of commands) expect(stdout).toContain(`\n  ${command.split(" ")[0]} `);
    expect(stdout).not.toMatch(/\n {2}(?:keep|serve)\b/);
  });
});

describe("what is not understood has exit code 2 and names what was meant", () => {
  test.each([
    [["upp"], "unknown command 'upp'", "Did you mean up?"],
    [["up", "--dta", "x"], "unknown option '--dta'", "Did you mean --data?"],
    [["up", "extra"], "too many arguments for 'up'", ""],
    [["up", "--port", "many"], 'port: "many": must be a number', "pleiad config reference"],
    [["up", "--port", "70000"], "port: 70000: must be at most 65535", ""],
    [["up", "--data-nodes", "0"], "data_nodes: 0: must be at least 1", ""],
    [["up", "--set", "serverr.fsync=off"], 'unknown key "serverr.fsync"; did you mean "server.fsync"?', ""],
    [["up", "--set", "server.fsync=maybe"], 'server.fsync: "maybe": must be true or false', ""],
    [["up", "--set", "tls.mode=on"], 'tls.mode: "on": must be one of off, allow, require', ""],
    [
      ["up", "--set", "server.shared_buffers=12"],
      "must be a number with kB, MB or GB",
      "pleiad config reference",
    ],
    [["up", "--set", "fsync"], "It is written KEY=VALUE", ""],
    [["up", "--config", "/no/such/file.yaml"], "/no/such/file.yaml: there is no such file", ""],
    [["logs", "--lines", "some"], "It is a number of lines", ""],
    [["config", "chek"], "unknown command 'chek'", "Did you mean check?"],
  ])("%j", async (args, message, hint) => {
    const [forPeople, forPrograms] = await bothWays(args);
    expect(forPeople.code).toBe(2);
    expect(forPeople.stdout).toBe("");
    expect(forPeople.stderr).toMatch(/^pleiad: /);
    expect(forPeople.stderr).toContain(message);
    expect(forPeople.stderr).toContain(hint);
    expect(forPrograms).toMatchObject({ code: 2, stderr: "" });
    const failure = JSON.parse(forPrograms.stdout) as { error: string; hint: string };
    expect(`${failure.error}\n${failure.hint}`).toContain(message);
  });
});

describe("what cannot be done has exit code 1, a reason and a hint", () => {
  test.each([
    [["psql"], "no cluster runs on", "pleiad up"],
    [["destroy", "--yes"], "there is no cluster in", "--data"],
    [["destroy"], "this would remove all data in", "--yes"],
    [["logs", "dn1"], 'there is no log of "dn1"', "ever started"],
    [["up", "--pg-bin", "/no/such/directory"], "there is no such program", "/usr/lib/postgresql/"],
  ])("%j", async (args, message, hint) => {
    const [forPeople, forPrograms] = await bothWays(args);
    expect(forPeople.code).toBe(1);
    expect(forPeople.stderr).toContain(message);
    expect(forPeople.stderr).toContain(hint);
    expect(forPrograms.code).toBe(1);
    expect(JSON.parse(forPrograms.stdout)).toMatchObject({
      error: expect.stringContaining(message) as string,
      hint: expect.stringContaining(hint) as string,
    });
  });

  test("a data directory that is a file, or lies below one", async () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    for (const path of [file, join(file, "below")]) {
      const { code, stderr } = await pleiad("up", "--data", path);
      expect(code).toBe(1);
      expect(stderr).toContain(`cannot use ${path} as data directory`);
      expect(stderr).toContain("not a directory");
      expect(stderr).not.toContain("    at ");
    }
  });

  test.skipIf(process.getuid?.() === 0)("a data directory that may not be written", async () => {
    const locked = join(directory, "locked");
    mkdirSync(locked, { mode: 0o500 });
    const { code, stderr } = await pleiad("up", "--data", join(locked, "data"));
    expect(code).toBe(1);
    expect(stderr).toContain("permission denied");
    expect(stderr).toContain("Choose another with --data.");
  });
});

describe("JSON where nothing runs", () => {
  test("status, with the exit code of init scripts for what is not running", async () => {
    const { code, stdout } = await pleiad("status", "--json", "--data", data);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toEqual({ data, state: "absent", servers: [], processes: [] });
  });

  test("down does nothing, and that is no failure", async () => {
    const { code, stdout } = await pleiad("down", "--json", "--data", data);
    expect({ code, answer: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      answer: { outcome: "was not running" },
    });
  });

  test("config check says each value and where it comes from", async () => {
    const { code, stdout } = await pleiad("config", "check", "--json", "--data", data, "--set", "shards=8");
    expect(code).toBe(0);
    const { values } = JSON.parse(stdout) as { values: { key: string; value: unknown; source: string }[] };
    expect(values).toContainEqual({ key: "shards", value: 8, source: "flag" });
    expect(values).toContainEqual({ key: "data_nodes", value: 2, source: "default" });
  });

  test("config reference lists every key", async () => {
    const { code, stdout } = await pleiad("config", "reference", "--json");
    expect(code).toBe(0);
    const keys = JSON.parse(stdout) as { path: string; description: string }[];
    expect(keys.map(({ path }) => path)).toContain("server.fsync");
    expect(keys.every(({ description }) => description.length > 0)).toBe(true);
  });
});

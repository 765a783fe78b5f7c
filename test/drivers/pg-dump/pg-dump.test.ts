/** pg_dump -s: the schema as one database, and it can be restored on a plain PostgreSQL (S6). */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runSql } from "../../../bench/run-sql.ts";
import { systemPostgres } from "../../cluster/system-postgres.ts";
import { OracleSide } from "../../oracle/capture.ts";
import { distribute } from "../../oracle/load.ts";
import { splitStatements } from "../../oracle/split-statements.ts";
import type { TestServers } from "../../oracle/test-servers.ts";
import { connectionArguments, programVersion, runProgram, startDriverServers } from "../sides.ts";

// An older pg_dump refuses a newer server before it asks anything: it gets servers of its own version, if they are installed.
const version = programVersion("pg_dump") ?? 0;
const older = version < 18 ? systemPostgres().find(({ major }) => major <= version) : undefined;

describe.skipIf(version < 18 && older === undefined)("pg_dump of the server's version or newer", () => {
  let servers: TestServers;

  beforeAll(async () => {
    servers = await startDriverServers(older?.directory);
    const { plain, subject } = servers;
    const schema = splitStatements(readFileSync(new URL("../../oracle/schema.sql", import.meta.url), "utf8"));
    const texts = schema.map(({ sql }) => sql);
    await runSql(plain, ...texts);
    await runSql(subject, ...texts.map((sql) => (servers.cluster ? distribute(sql, "mixed") : sql)));
  });

  afterAll(async () => {
    await servers?.stop();
  });

  const normalise = (text: string): string => text.replaceAll(/^\\(un)?restrict .*$/gm, "");

  test("the dump of the schema is that of a plain PostgreSQL", async () => {
    const [plain, subject] = await Promise.all(
      [servers.plain, servers.subject].map((at) => runProgram("pg_dump", ["-s", ...connectionArguments(at)])),
    );
    expect(subject?.stderr).toBe("");
    expect(normalise(subject?.stdout ?? "")).toBe(normalise(plain?.stdout ?? ""));
  });

  test("with the rows it has the same lines, in whatever order the rows lie", async () => {
    const dumps = await Promise.all(
      [servers.plain, servers.subject].map((at) => runProgram("pg_dump", connectionArguments(at))),
    );
    const [plain, subject] = dumps.map(({ stdout }) => normalise(stdout).split("\n").toSorted());
    expect(dumps[1]?.stderr).toBe("");
    expect(subject).toEqual(plain);
  });

  test("the dump can be restored on a plain PostgreSQL", async () => {
    const dump = await runProgram("pg_dump", ["-s", ...connectionArguments(servers.subject)]);
    expect(dump).toMatchObject({ status: 0, stderr: "" });
    const target = await OracleSide.open(servers.plain);
    const session = await target.session();
    await session.run("CREATE DATABASE restored");
    await session.close();
    await target.close();
    const at = { ...servers.plain, database: "restored" };
    const restored = await runProgram(
      "psql",
      ["-X", "-q", "-v", "ON_ERROR_STOP=1", ...connectionArguments(at)],
      dump.stdout,
    );
    expect(restored).toMatchObject({ status: 0, stderr: "" });
  });
});

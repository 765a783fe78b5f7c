/** pg_dump -s: the schema as one database, and it can be restored on a plain PostgreSQL (S6). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OracleSide } from "../../oracle/capture.ts";
import type { TestServers } from "../../oracle/test-servers.ts";
import { connectionArguments, programVersion, runProgram, startDriverServers } from "../sides.ts";

// An older pg_dump refuses a newer server before it asks anything.
const version = programVersion("pg_dump") ?? 0;

describe.skipIf(version < 18)("pg_dump of the server's version or newer", () => {
  let servers: TestServers;

  beforeAll(async () => {
    servers = await startDriverServers();
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

  test("the dump can be restored on a plain PostgreSQL", async () => {
    const dump = await runProgram("pg_dump", ["-s", ...connectionArguments(servers.subject)]);
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

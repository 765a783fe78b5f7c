/** pgbench: every built-in script by every protocol on distributed tables, and the sums that TPC-B must keep. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPgbenchTables, runPgbench } from "../../../bench/pgbench.ts";
import { OracleSide } from "../../oracle/capture.ts";
import { startTestServers, type TestServers } from "../../oracle/test-servers.ts";
import { connectionArguments, programVersion, runProgram } from "../sides.ts";

const CLIENTS = 6;
const SECONDS = 2;

describe.skipIf(programVersion("pgbench") === undefined)("pgbench", () => {
  let servers: TestServers;
  let side: OracleSide;

  beforeAll(async () => {
    servers = await startTestServers();
    await createPgbenchTables(servers.subject, 1, servers.cluster !== undefined);
    side = await OracleSide.open(servers.subject);
  });

  afterAll(async () => {
    await side?.close();
    await servers?.stop();
  });

  async function rows(sql: string): Promise<(string | null)[][]> {
    const session = await side.session();
    const { answers } = await session.run(sql);
    await session.close();
    return answers[0]?.rows ?? [];
  }

  for (const script of ["select-only", "simple-update", "tpcb-like"] as const) {
    for (const mode of ["simple", "extended", "prepared"] as const) {
      test(`${script}, ${mode}`, async () => {
        const tps = await runPgbench(servers.subject, {
          pgbench: "pgbench",
          script,
          mode,
          clients: CLIENTS,
          threads: 2,
          seconds: SECONDS,
        });
        expect(tps).toBeGreaterThan(0);
      });
    }
  }

  test("the balances agree: no half transaction was committed (T9)", async () => {
    const [sums] = await rows(
      `SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history),
        (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(bbalance) FROM pgbench_branches),
        (SELECT count(*) FROM pgbench_history) > 0`,
    );
    expect(sums).toEqual(["t", "t", "t"]);
  });

  test("pgbench -i makes its own tables", async () => {
    const { subject } = await servers.database("initialised");
    const made = await runProgram("pgbench", [
      "-i",
      "-s",
      "1",
      "-q",
      ...connectionArguments(subject).slice(0, -1),
      subject.database,
    ]);
    expect(made).toMatchObject({ status: 0 });
    const ran = await runProgram("pgbench", [
      "-n",
      "-t",
      "20",
      "-c",
      "2",
      ...connectionArguments(subject).slice(0, -1),
      subject.database,
    ]);
    expect(ran.stdout).toContain("number of transactions actually processed: 40/40");
  });
});

/** Definitions of several sessions at once: none waits for another in a circle, and none undoes what another has done. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Client, startTestServers, type TestServers } from "../faults/fault-servers.ts";

const ROUNDS = 15;

let servers: TestServers;

beforeAll(async () => {
  servers = await startTestServers();
});

afterEach(() => Client.vanishAll());

afterAll(async () => {
  await servers?.stop();
});

test("D1: tables made, filled and dropped by four sessions: each finds its own", async () => {
  const failures: string[] = [];
  const work = async (name: string) => {
    const client = await Client.connect(servers.subject);
    for (let round = 0; round < ROUNDS; round++) {
      for (const sql of [
        `CREATE TABLE ${name} (a int)${servers.clause("DISTRIBUTE BY HASH (a)")}`,
        `INSERT INTO ${name} SELECT generate_series(1, 10)`,
        `ALTER TABLE ${name} RENAME TO ${name}_old`,
        `CREATE TABLE ${name} (a int, b int)${servers.clause("DISTRIBUTE BY REPLICATION")}`,
        `INSERT INTO ${name} SELECT generate_series(1, 7)`,
      ]) {
        const { error } = await client.ask(sql);
        if (error !== undefined) failures.push(`${round}: ${error.sqlstate} ${error.message}: ${sql}`);
      }
      const { rows } = await client.ask(
        `SELECT (SELECT count(*) FROM ${name}_old), (SELECT count(*) FROM ${name})`,
      );
      if (rows[0]?.join() !== "10,7") failures.push(`${round}: ${name} has ${rows[0]?.join()}`);
      const { error } = await client.ask(`DROP TABLE ${name}, ${name}_old`);
      if (error !== undefined) failures.push(`${round}: ${error.sqlstate} ${error.message}: DROP`);
    }
  };
  await Promise.all(["a", "b", "c", "d"].map(work));
  expect(failures).toEqual([]);
});

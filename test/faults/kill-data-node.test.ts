/**
 * kill -9 of a data node under load: what needs it fails with a retryable SQLSTATE, the rest goes on, it serves again when
 * it is back, no acknowledged write is lost, and no transaction over two nodes is half there (T1, T11, T12).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyLines, runSql } from "../../bench/run-sql.ts";
import { queryServer } from "../cluster/server-query.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { ConnectionLostError } from "../wire/connection.ts";
import { Client } from "./fault-servers.ts";

const PLAIN = process.env["PLEIAD_TEST_SUBJECT"] === "plain";
const READERS = 4;
const WRITERS = 4;

let cluster: TestCluster;

beforeAll(async () => {
  if (PLAIN) return;
  cluster = await startTestCluster();
  const at = cluster.client();
  await runSql(
    at,
    "CREATE TABLE stock (id int PRIMARY KEY, body text) DISTRIBUTE BY HASH (id)",
    "CREATE TABLE pairs (id int PRIMARY KEY, writer int, number int) DISTRIBUTE BY HASH (id)",
    // Without a key: a write that were done twice would be there twice.
    "CREATE TABLE tokens (id int, token text) DISTRIBUTE BY HASH (id)",
  );
  await copyLines(
    at,
    "stock",
    Array.from({ length: 2000 }, (_, id) => `${id}\tbody ${id}\n`),
  );
});

afterAll(async () => {
  await cluster?.destroy();
});

interface Tally {
  succeeded: number;
  /** After the kill. */
  succeededLater: number;
  readonly sqlstates: Map<string, number>;
}

const tally = (): Tally => ({ succeeded: 0, succeededLater: 0, sqlstates: new Map() });
const retryable = (sqlstate: string): boolean => sqlstate.startsWith("08") || sqlstate.startsWith("57");

test.skipIf(PLAIN)(
  "T1, T11, T12: a data node is killed under load",
  async () => {
    const rowsOf = async (name: string): Promise<number[]> =>
      (await queryServer(cluster.server(name), "SELECT id FROM stock")).map(({ id }) => Number(id));
    const [here, there] = [await rowsOf("dn1"), await rowsOf("dn2")];
    expect(here.length + there.length).toBe(2000);

    const load = { running: true, killed: false };
    const [onSurvivor, onVictim, transactions, singles] = [tally(), tally(), tally(), tally()];
    const acknowledged: [number, number][] = [];
    const tokens = new Map<string, string | undefined>();
    const work = [
      ...Array.from({ length: READERS }, (_, index) => readLoop(here, index, onSurvivor, load)),
      ...Array.from({ length: READERS }, (_, index) => readLoop(there, index, onVictim, load)),
      ...Array.from({ length: WRITERS }, (_, writer) =>
        pairLoop(writer, here, there, transactions, acknowledged, load),
      ),
      ...Array.from({ length: WRITERS }, (_, writer) => tokenLoop(writer, there, singles, tokens, load)),
    ];
    await sleep(1000);
    const pid = cluster.state().servers.find(({ name }) => name === "dn2")?.pid ?? 0;
    cluster.kill("dn2");
    load.killed = true;
    await cluster.waitForRestart("dn2", pid);
    const laterBefore = onVictim.succeededLater;
    await sleep(2000);
    load.running = false;
    await Promise.all(work);

    // The survivor's rows were served all the time, and without an error.
    expect([...onSurvivor.sqlstates]).toEqual([]);
    expect(onSurvivor.succeededLater).toBeGreaterThan(100);
    // The victim's were refused in a way that says: try again; and are served again now.
    expect([...onVictim.sqlstates.keys()].filter((sqlstate) => !retryable(sqlstate))).toEqual([]);
    expect([...transactions.sqlstates.keys()].filter((sqlstate) => !retryable(sqlstate))).toEqual([]);
    expect(onVictim.succeededLater).toBeGreaterThan(laterBefore);

    const client = await Client.connect(cluster.client());
    const { rows: written } = await client.ask("SELECT token, count(*) FROM tokens GROUP BY token");
    const counts = new Map(written.map(([token, count]) => [token!, Number(count)]));
    expect([...counts].filter(([, count]) => count !== 1)).toEqual([]);
    const wrong = [...tokens].filter(([token, outcome]) => outcome === "acknowledged" && !counts.has(token));
    expect(wrong).toEqual([]);
    expect([...singles.sqlstates.keys()].filter((sqlstate) => !retryable(sqlstate))).toEqual([]);
    // The kill did hit writes, so that there was something to do twice.
    expect(singles.sqlstates.size).toBeGreaterThan(0);
    const { rows } = await client.ask("SELECT writer, number, count(*) FROM pairs GROUP BY writer, number");
    await client.close();
    const halves = rows.filter(([, , count]) => count !== "2");
    expect(halves).toEqual([]);
    const stored = new Set(rows.map(([writer, number]) => `${writer}/${number}`));
    expect(acknowledged.filter(([writer, number]) => !stored.has(`${writer}/${number}`))).toEqual([]);
    for (const name of ["dn1", "dn2"]) {
      expect(await queryServer(cluster.server(name), "SELECT gid FROM pg_prepared_xacts")).toEqual([]);
    }
  },
  120_000,
);

async function readLoop(ids: readonly number[], start: number, counts: Tally, load: Load): Promise<void> {
  let client: Client | undefined;
  for (let index = start; load.running; index++) {
    const id = ids[index % ids.length] ?? 0;
    client = await attempt(client, counts, load, async (at) => {
      const { rows, error } = await at.ask(`SELECT body FROM stock WHERE id = ${id}`);
      if (!error) expect(rows).toEqual([[`body ${id}`]]);
      return error?.sqlstate;
    });
  }
  await client?.close();
}

/** A row that only its token tells from others, on the node that is killed. */
async function tokenLoop(
  writer: number,
  ids: readonly number[],
  counts: Tally,
  tokens: Map<string, string | undefined>,
  load: Load,
): Promise<void> {
  let client: Client | undefined;
  for (let number = 0; load.running; number++) {
    const token = `${writer}/${number}`;
    client = await attempt(client, counts, load, async (at) => {
      const id = ids[number % ids.length] ?? 0;
      const { error } = await at.ask(`INSERT INTO tokens VALUES (${id}, '${token}')`);
      tokens.set(token, error ? error.sqlstate : "acknowledged");
      return error?.sqlstate;
    });
  }
  await client?.close();
}

/** Two rows on two nodes in one transaction. */
async function pairLoop(
  writer: number,
  here: readonly number[],
  there: readonly number[],
  counts: Tally,
  acknowledged: [number, number][],
  load: Load,
): Promise<void> {
  let client: Client | undefined;
  for (let number = 0; load.running; number++) {
    const index = number * WRITERS + writer;
    const [a, b] = [here[index], there[index]];
    // Every id is used once.
    if (a === undefined || b === undefined) break;
    client = await attempt(client, counts, load, async (at) => {
      for (const sql of [
        "BEGIN",
        `INSERT INTO pairs VALUES (${a}, ${writer}, ${number})`,
        `INSERT INTO pairs VALUES (${b}, ${writer}, ${number})`,
        "COMMIT",
      ]) {
        const { error } = await at.ask(sql);
        if (!error) continue;
        await at.ask("ROLLBACK");
        return error.sqlstate;
      }
      acknowledged.push([writer, number]);
      return undefined;
    });
    await sleep(5);
  }
  await client?.close();
}

interface Load {
  running: boolean;
  killed: boolean;
}

/** One statement or transaction; a lost client connection is replaced, as an application would. */
async function attempt(
  client: Client | undefined,
  counts: Tally,
  load: Load,
  work: (client: Client) => Promise<string | undefined>,
): Promise<Client | undefined> {
  let sqlstate: string | undefined;
  let usable = client;
  try {
    usable ??= await Client.connect(cluster.client());
    sqlstate = await work(usable);
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
    sqlstate = error.sqlstate;
    usable = undefined;
  }
  if (sqlstate === undefined) {
    counts.succeeded++;
    if (load.killed) counts.succeededLater++;
    return usable;
  }
  counts.sqlstates.set(sqlstate, (counts.sqlstates.get(sqlstate) ?? 0) + 1);
  await sleep(20);
  return usable;
}

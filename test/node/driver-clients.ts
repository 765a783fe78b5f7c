/** What drivers do while processes are killed: node-postgres and postgres.js, transactions, prepared statements, COPY. Judged as random-clients.ts are. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import postgres from "postgres";
import type { RandomSource } from "../oracle/random-source.ts";
import { WireConnection, type Endpoint } from "../wire/connection.ts";
import { copyData, copyDone, query } from "../wire/frames.ts";
import { readError } from "../oracle/capture.ts";
import { within } from "./node-cluster.ts";
import { ACCOUNTS, type Fate, type Journal } from "./random-clients.ts";

const ANSWER_MS = 20_000;
const RECONNECT_MS = 50;
export const COPY_ROWS = 40;

/** What a session, or a connection, may be told of a death. */
const OF_A_DEATH = new Set(["40001", "08007", "08006", "57P02", "57P01", "25P02"]);
const LOST_CONNECTION =
  /ECONNREFUSED|ECONNRESET|EPIPE|Connection terminated|CONNECTION_(CLOSED|ENDED|DESTROYED)|connection lost|write after end|not queryable/i;

function mayBe(error: unknown): boolean {
  const { code } = error as { code?: string };
  return (code !== undefined && OF_A_DEATH.has(code)) || LOST_CONNECTION.test(`${code} ${String(error)}`);
}

/** Again and again until the journal ends; what a death does not explain is wrong. */
async function keepOn(journal: Journal, name: string, attempt: () => Promise<void>): Promise<void> {
  while (journal.running) {
    try {
      await within(name, attempt(), ANSWER_MS);
      journal.fates.done++;
    } catch (error) {
      if (!mayBe(error)) {
        journal.wrong.push(`${name}: ${String((error as { code?: string }).code)} ${String(error)}`);
        return;
      }
      journal.handOvers++;
      await sleep(RECONNECT_MS);
    }
  }
}

/** Two accounts in one order, so that transfers do not deadlock, and an amount. */
function transfer(random: RandomSource): [number, number, number] {
  const [low, high] = [random.int(1, ACCOUNTS), random.int(1, ACCOUNTS)].toSorted((a, b) => a - b);
  return [low!, high!, random.int(-10, 10)];
}

/** Transfers in blocks, by node-postgres: unnamed statements with parameters. */
export async function pgTransfers(at: Endpoint, journal: Journal, random: RandomSource): Promise<void> {
  let client: pg.Client | undefined;
  await keepOn(journal, "pg", async () => {
    if (client === undefined) {
      const { host, port, user, database } = at;
      const fresh = new pg.Client({ host, port, user, database });
      fresh.on("error", () => {});
      fresh.on("end", () => (client = undefined));
      await fresh.connect();
      client = fresh;
    }
    const own = client;
    const [low, high, amount] = transfer(random);
    try {
      await own.query("BEGIN");
      const sql = "UPDATE account SET amount = amount + $1 WHERE id = $2";
      await own.query(sql, [-amount, low]);
      await own.query(sql, [amount, high]);
      await own.query("COMMIT");
    } catch (error) {
      await own.query("ROLLBACK").catch(() => (client = undefined));
      throw error;
    }
  });
  await client?.end().catch(() => {});
}

/** Transfers in blocks and reads of rows that name their reader, by postgres.js: named prepared statements, several connections. */
export async function postgresJsClients(
  at: Endpoint,
  journal: Journal,
  random: RandomSource,
  reader: number,
): Promise<void> {
  const { host, port, user, database } = at;
  const sql = postgres({ host, port, user, database, max: 3, onnotice: () => {} });
  const work = [
    keepOn(journal, "postgres.js", async () => {
      const [low, high, amount] = transfer(random);
      await sql.begin(async (block) => {
        await block`UPDATE account SET amount = amount - ${amount} WHERE id = ${low}`;
        await block`UPDATE account SET amount = amount + ${amount} WHERE id = ${high}`;
      });
    }),
    keepOn(journal, "postgres.js", async () => {
      const k = random.int(1, 50);
      const rows = await sql`SELECT who FROM token WHERE reader = ${reader} AND k = ${k}`;
      const found = rows.map((row) => String(row["who"])).join();
      if (found !== `${reader}:${k}`) journal.wrong.push(`postgres.js reads ${found} for ${reader}:${k}`);
    }),
  ];
  await Promise.all(work);
  await sql.end({ timeout: 1 });
}

/** Copies rows in batches and notes what it was told of each batch. */
export async function copies(
  at: Endpoint,
  journal: Journal,
  batches: Map<number, Fate>,
  random: RandomSource,
): Promise<void> {
  let wire: WireConnection | undefined;
  let batch = 0;
  await keepOn(journal, "copy", async () => {
    wire ??= await WireConnection.connect(at);
    const own = ++batch;
    batches.set(own, "unknown");
    try {
      wire.send(query("COPY copied FROM STDIN"));
      const begun = await wire.until("G", "Z");
      const lines = Array.from({ length: COPY_ROWS }, (_, row) => `${own * 1000 + row}\t${own}\n`);
      if (begun.at(-1)!.type === "G") {
        wire.send(copyData(Buffer.from(lines.slice(0, 10).join(""))));
        await sleep(random.int(0, 5));
        wire.send(copyData(Buffer.from(lines.slice(10).join(""))), copyDone());
        begun.push(...(await wire.until("Z")));
      }
      const error = begun.find(({ type }) => type === "E");
      if (error === undefined) batches.set(own, "done");
      else {
        const { sqlstate } = readError(error.body);
        if (sqlstate === "40001") batches.set(own, "not done");
        throw Object.assign(new Error("COPY"), { code: sqlstate });
      }
    } catch (error) {
      if (LOST_CONNECTION.test(String(error))) wire = undefined;
      throw error;
    }
  });
  await wire?.close().catch(() => {});
}

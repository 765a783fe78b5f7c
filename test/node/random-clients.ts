/**
 * Clients for a node whose processes are killed at random. Each knows what it was told, and says so: what was acknowledged, what was
 * refused, what is not known, and what no client may ever be told.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { RandomSource } from "../oracle/random-source.ts";
import { ConnectionLostError, type Endpoint } from "../wire/connection.ts";
import { bind, execute, parse, query, sync } from "../wire/frames.ts";
import { Talk } from "./across-death.ts";
import { within } from "./node-cluster.ts";

const ANSWER_MS = 10_000;
const RECONNECT_MS = 30;
/** Errors by which a session is told that its process has died. */
const LOST = "E 40001";
const UNCERTAIN = "E 08007";

/** What one attempt came to. */
export type Fate = "done" | "not done" | "unknown";

export class Journal {
  running = true;
  readonly fates = { done: 0, "not done": 0, unknown: 0 };
  /** Connections that ended with their process. */
  lostConnections = 0;
  /** Errors by which sessions heard of a death and stayed. */
  handOvers = 0;
  /** What must not be. */
  readonly wrong: string[] = [];
  /** Rows by what is known of them. */
  readonly rows = new Map<string, Fate>();
}

export class RandomClient {
  private readonly at: Endpoint;
  private readonly journal: Journal;
  private readonly name: string;
  private talk: Talk | undefined;
  private prepared = new Set<string>();

  constructor(at: Endpoint, journal: Journal, name: string) {
    this.at = at;
    this.journal = journal;
    this.name = name;
  }

  /** Does this again and again until the journal ends; a connection that ended is opened again. */
  async run(attempt: (number: number) => Promise<void>): Promise<void> {
    for (let number = 0; this.journal.running; number++) {
      try {
        await attempt(number);
      } catch (error) {
        if (!isLost(error)) {
          this.journal.wrong.push(`${this.name}: ${String(error)}`);
          return;
        }
        if (this.talk !== undefined) this.journal.lostConnections++;
        this.talk = undefined;
        this.prepared = new Set();
        await sleep(RECONNECT_MS);
      }
    }
    await this.talk?.wire.close().catch(() => {});
  }

  /** The lines of the answer. An error that tells of nothing but a death is not expected. */
  private async answered(send: (talk: Talk) => void, what: string): Promise<string[]> {
    if (this.talk === undefined) {
      this.talk = await Talk.connect(this.at);
      // A session's own setting: nobody else's may be found in its place.
      await this.ask(`SET app.who = '${this.name}'`);
    }
    const { talk } = this;
    send(talk);
    const lines = await within(`${this.name}: ${what}`, talk.heard(), ANSWER_MS);
    for (const line of lines)
      if (line === LOST || line === UNCERTAIN) this.journal.handOvers++;
      else if (line.startsWith("E ") && line !== "E 25P02") throw new Error(`${what}: ${lines.join(", ")}`);
    return lines;
  }

  ask(sql: string): Promise<string[]> {
    return this.answered((talk) => talk.send(query(sql)), sql);
  }

  /** By a named statement that is prepared when the connection is new. */
  async askPrepared(sql: string, values: readonly string[]): Promise<string[]> {
    const name = `s${sql.length}_${sql.slice(0, 12)}`;
    const lines = await this.answered((talk) => {
      const first = this.prepared.has(name) ? [] : [parse(name, sql)];
      talk.send(...first, bind("", name, values), execute(""), sync());
    }, sql);
    // Where the Parse was lost with its process, so was the name.
    if (lines.includes("1")) this.prepared.add(name);
    return lines;
  }

  askUnnamed(sql: string, values: readonly string[]): Promise<string[]> {
    return this.answered((talk) => talk.send(parse("", sql), bind("", "", values), execute(""), sync()), sql);
  }

  /** One statement that commits by itself. */
  async single(ask: () => Promise<string[]>, tag: string): Promise<Fate> {
    return this.noting(async () => {
      const lines = await ask();
      if (lines.includes(UNCERTAIN)) return "unknown";
      if (lines.includes(LOST)) return "not done";
      this.expect(lines.includes(`C ${tag}`), `${lines.join(", ")} and not ${tag}`);
      return "done";
    });
  }

  /** A transaction block. */
  async block(statements: readonly (() => Promise<string[]>)[]): Promise<Fate> {
    let committing = false;
    return this.noting(
      async () => {
        for (const ask of [() => this.ask("BEGIN"), ...statements]) {
          const lines = await ask();
          if (!lines.some((line) => line.startsWith("E "))) continue;
          this.expect(!lines.includes(UNCERTAIN), "a statement within a block is not uncertain");
          if (lines.at(-1) !== "Z I") await this.ask("ROLLBACK");
          return "not done";
        }
        committing = true;
        const lines = await this.ask("COMMIT");
        if (lines.includes(UNCERTAIN)) return "unknown";
        if (lines.includes(LOST)) {
          this.expect(lines.at(-1) === "Z I", `COMMIT: ${lines.join(", ")}`);
          return "not done";
        }
        this.expect(lines.includes("C COMMIT"), `COMMIT: ${lines.join(", ")}`);
        return "done";
      },
      () => (committing ? "unknown" : "not done"),
    );
  }

  /** A connection that ends says nothing of what ran. */
  private async noting(attempt: () => Promise<Fate>, whenLost: () => Fate = () => "unknown"): Promise<Fate> {
    let fate: Fate;
    try {
      fate = await attempt();
    } catch (error) {
      if (isLost(error)) this.lastFate = whenLost();
      throw error;
    }
    this.journal.fates[fate]++;
    this.lastFate = fate;
    return fate;
  }

  /** Of the last attempt, also when its connection ended. */
  lastFate: Fate = "not done";

  expect(holds: boolean, otherwise: string): void {
    if (!holds) this.journal.wrong.push(`${this.name}: ${otherwise}`);
  }
}

function isLost(error: unknown): boolean {
  if (error instanceof ConnectionLostError) return error.sqlstate === "08006" || error.sqlstate === "57P02";
  return /ECONNREFUSED|ECONNRESET|EPIPE/.test(String((error as NodeJS.ErrnoException).code));
}

export const ACCOUNTS = 64;
/** Accounts of which one client each moves amounts by single statements. */
export const OWN_ACCOUNTS = 16;

/** Moves amounts between two accounts in a block, by any protocol. */
export function transfers(client: RandomClient, random: RandomSource): Promise<void> {
  return client.run(async () => {
    // In one order, so that transfers do not deadlock.
    const [low, high] = [random.int(1, ACCOUNTS), random.int(1, ACCOUNTS)].toSorted((a, b) => a - b) as [
      number,
      number,
    ];
    const amount = random.int(-10, 10);
    const move = (id: number, by: number) => {
      const values = [String(by), String(id)];
      const sql = "UPDATE account SET amount = amount + $1 WHERE id = $2";
      const ways = [
        () => client.ask(`UPDATE account SET amount = amount + ${by} WHERE id = ${id}`),
        () => client.askPrepared(sql, values),
        () => client.askUnnamed(sql, values),
      ];
      return random.pick(ways);
    };
    await client.block([move(low, -amount), move(high, amount)]);
  });
}

/** The same by one statement over both nodes; `from`: the first of its own accounts. */
export function singleTransfers(client: RandomClient, random: RandomSource, from: number): Promise<void> {
  return client.run(async () => {
    const low = random.int(from, from + OWN_ACCOUNTS - 2);
    const high = random.int(low + 1, from + OWN_ACCOUNTS - 1);
    const amount = random.int(1, 10);
    const sql = `UPDATE account SET amount = amount + CASE id WHEN ${low} THEN -${amount} ELSE ${amount} END WHERE id IN (${low}, ${high})`;
    await client.single(() => client.ask(sql), "UPDATE 2");
  });
}

/** Inserts rows in twos, or one by one, and notes what it was told of each. */
export function inserts(
  client: RandomClient,
  journal: Journal,
  random: RandomSource,
  number: number,
): Promise<void> {
  let next = number * 1_000_000;
  return client.run(async () => {
    const [one, two] = [++next, ++next];
    const sql = "INSERT INTO told VALUES ($1), ($2)";
    const values = [String(one), String(two)];
    const insert = random.pick([
      () => client.ask(`INSERT INTO told VALUES (${one}), (${two})`),
      () => client.askPrepared(sql, values),
      () => client.askUnnamed(sql, values),
    ]);
    client.lastFate = "not done";
    try {
      if (random.chance(0.5)) await client.single(insert, "INSERT 0 2");
      else await client.block([insert]);
    } finally {
      journal.rows.set(`${one} ${two}`, client.lastFate);
    }
  });
}

/** Reads rows that name their reader. */
export function reads(
  client: RandomClient,
  random: RandomSource,
  reader: number,
  name: string,
): Promise<void> {
  return client.run(async () => {
    const k = random.int(1, 50);
    const text = "SELECT who, current_setting('app.who') FROM token WHERE reader = $1 AND k = $2";
    const values = [String(reader), String(k)];
    const written = text.replace("$1", String(reader)).replace("$2", String(k));
    const lines = await random.pick([
      () => client.ask(written),
      () => client.askPrepared(text, values),
      () => client.askUnnamed(text, values),
      () =>
        client.ask(
          `SELECT max(who), max(current_setting('app.who')) FROM token WHERE reader + 0 = ${reader} AND k = ${k}`,
        ),
      // Rows of several nodes: an executor's work.
      () =>
        client.ask(
          `SELECT max(t.who), max(current_setting('app.who')) FROM token AS t JOIN token AS o ON o.reader = t.reader AND o.k <> t.k
            WHERE t.reader = ${reader} AND t.k = ${k}`,
        ),
    ])();
    const rows = lines.filter((line) => line.startsWith("D "));
    const failed = lines.includes(LOST);
    const right = failed ? rows.length <= 1 : rows.length === 1;
    client.expect(
      right && rows.every((row) => row === `D ${reader}:${k}|${name}`),
      `${written}: ${lines.join(", ")}`,
    );
    client.expect(!lines.includes(UNCERTAIN), "a read is not uncertain");
  });
}

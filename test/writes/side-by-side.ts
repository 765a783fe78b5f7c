/** The same statements on Pleiad and on a plain PostgreSQL, through the `pg` driver; DISTRIBUTE BY and TO NODE for Pleiad only. */
import pg from "pg";
import { expect } from "vitest";
import { startPlainPostgres, type PlainPostgres } from "../cluster/plain-postgres.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";

const CLAUSE =
  /\s*\bDISTRIBUTE BY (?:REPLICATION|RANDOM|(?:HASH|RANGE|LIST) \([^)]*\)(?: \((?:[^()]|\([^()]*\))*\))?)|\s*\bTO NODE \(\w+\)/g;

/** What is compared of one statement. */
interface Answer {
  readonly tag: string;
  readonly rows: readonly string[];
  readonly error: Readonly<Record<string, string | undefined>> | undefined;
}

export class SideBySide {
  readonly cluster: TestCluster;
  private readonly postgres: PlainPostgres;
  private readonly clients: readonly [pg.Client, pg.Client];

  private constructor(
    cluster: TestCluster,
    postgres: PlainPostgres,
    clients: readonly [pg.Client, pg.Client],
  ) {
    this.cluster = cluster;
    this.postgres = postgres;
    this.clients = clients;
  }

  static async start(): Promise<SideBySide> {
    const postgres = await startPlainPostgres();
    const cluster = await startTestCluster();
    const clients = [new pg.Client(postgres.client()), new pg.Client(cluster.client())] as const;
    for (const client of clients) await client.connect();
    return new SideBySide(cluster, postgres, clients);
  }

  async stop(): Promise<void> {
    for (const client of this.clients) await client.end();
    await this.cluster.destroy();
    await this.postgres.destroy();
  }

  async endTransactions(): Promise<void> {
    for (const client of this.clients) await client.query("ROLLBACK");
  }

  /** Pleiad's own answer, for what plain PostgreSQL has no part in. */
  pleiad(sql: string, values: readonly unknown[] = []): Promise<pg.QueryArrayResult> {
    return this.clients[1].query({ text: sql, values: [...values], rowMode: "array" });
  }

  async connect(): Promise<pg.Client> {
    const client = new pg.Client(this.cluster.client());
    // A test that fails leaves it open; the cluster's end is no news then.
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  /** Runs a statement on both and expects the same: rows as a multiset, command and count, all that an error says. */
  async same(sql: string, values: readonly unknown[] = []): Promise<Answer> {
    const plain = await ask(this.clients[0], sql.replaceAll(CLAUSE, ""), values);
    const ours = await ask(this.clients[1], sql, values);
    expect(ours, sql).toEqual(plain);
    return ours;
  }

  async all(...statements: readonly string[]): Promise<void> {
    for (const sql of statements) await this.same(sql);
  }
}

async function ask(client: pg.Client, sql: string, values: readonly unknown[]): Promise<Answer> {
  try {
    const { rows, command, rowCount } = await client.query<unknown[]>({
      text: sql,
      values: [...values],
      rowMode: "array",
    });
    return {
      tag: `${command} ${rowCount}`,
      rows: rows.map((row) => JSON.stringify(row)).toSorted(),
      error: undefined,
    };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { code, message, detail, constraint, table, column, schema, position } = error;
    return {
      tag: "",
      rows: [],
      error: { code, message, detail, constraint, table, column, schema, position },
    };
  }
}

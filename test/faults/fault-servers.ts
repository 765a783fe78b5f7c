/** The servers of the fault tests and what may not be left on them: open transactions, locks, prepared transactions. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { queryServer } from "../cluster/server-query.ts";
import { startTestServers, type TestServers } from "../oracle/test-servers.ts";
import { WireConnection, type Endpoint } from "../wire/connection.ts";
import { query, type Frame } from "../wire/frames.ts";
import { readError, readRow, type AnswerError } from "../oracle/capture.ts";

export { startTestServers, type TestServers };

type Looked = Pick<TestServers, "cluster" | "subject">;

const LEFT_BEHIND = `
SELECT 'backend ' || state || ': ' || left(query, 80) AS what
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND (state = 'active' OR state LIKE 'idle in transaction%')
UNION ALL
SELECT 'lock on ' || relation::regclass::text
FROM pg_locks
WHERE locktype = 'relation' AND pid <> pg_backend_pid() AND relation >= 16384
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT 'prepared ' || gid FROM pg_prepared_xacts`;

/** Waits until nothing is left on any server; what is left after the time is the answer. */
export async function leftBehind(servers: Looked, patienceMs = 8000): Promise<string[]> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const left = await lookForLeftovers(servers);
    if (left.length === 0 || Date.now() > deadline) return left;
    await sleep(100);
  }
}

async function lookForLeftovers(servers: Looked): Promise<string[]> {
  const { cluster } = servers;
  if (!cluster) {
    const client = new pg.Client({ ...servers.subject });
    await client.connect();
    const { rows } = await client.query<{ what: string }>(LEFT_BEHIND);
    await client.end();
    return rows.map(({ what }) => what);
  }
  const found: string[] = [];
  for (const { name } of cluster.state().servers) {
    const rows = await queryServer(cluster.server(name), LEFT_BEHIND);
    found.push(...rows.map(({ what }) => `${name}: ${String(what)}`));
  }
  return found;
}

/** A connection that is asked one simple query at a time. */
export class Client {
  static readonly #open = new Set<Client>();
  readonly wire: WireConnection;

  private constructor(wire: WireConnection) {
    this.wire = wire;
  }

  static async connect(at: Endpoint, settings: Record<string, string> = {}): Promise<Client> {
    const client = new Client(await WireConnection.connect(at, settings));
    Client.#open.add(client);
    return client;
  }

  /** After each test: one that failed must not hold what the next one needs. */
  static vanishAll(): void {
    for (const { wire } of Client.#open) if (!wire.socket.destroyed) wire.vanish();
    Client.#open.clear();
  }

  async ask(sql: string): Promise<{ rows: (string | null)[][]; error: AnswerError | undefined }> {
    this.wire.send(query(sql));
    return summarise(await this.wire.until("Z"));
  }

  /** The first value; throws on an error. */
  async value(sql: string): Promise<string | null> {
    const { rows, error } = await this.ask(sql);
    if (error) throw new Error(`${error.sqlstate} ${error.message}: ${sql}`);
    return rows[0]?.[0] ?? null;
  }

  async close(): Promise<void> {
    await this.wire.close();
  }
}

export function summarise(frames: readonly Frame[]): {
  rows: (string | null)[][];
  error: AnswerError | undefined;
} {
  const failed = frames.find((arrived) => arrived.type === "E");
  return {
    rows: frames.filter((arrived) => arrived.type === "D").map((arrived) => readRow(arrived.body)),
    error: failed ? readError(failed.body) : undefined,
  };
}

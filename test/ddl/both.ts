/** Runs definitions on a plain PostgreSQL and on Pleiad: what a client sees must be the same on both. */
import pg from "pg";
import type { PlainPostgres } from "../cluster/plain-postgres.ts";
import type { TestCluster } from "../cluster/test-cluster.ts";

export interface Seen {
  readonly sql: string;
  readonly tag?: string;
  readonly rows?: unknown;
  readonly error?: string;
  readonly notices: readonly string[];
}

/** A clause between « and » is for Pleiad alone. */
export function forPlain(sql: string): string {
  return sql.replaceAll(/«[^»]*»/g, "");
}

export function forPleiad(sql: string): string {
  return sql.replaceAll(/[«»]/g, "");
}

/** Tags, rows, errors and notices of statements, in one session. */
export async function see(
  config: pg.ClientConfig,
  statements: readonly string[],
  spell: (sql: string) => string,
): Promise<Seen[]> {
  const client = new pg.Client(config);
  await client.connect();
  let notices: string[] = [];
  client.on("notice", (notice) => notices.push(`${notice.code}: ${notice.message}`));
  const seen: Seen[] = [];
  try {
    for (const sql of statements) {
      notices = [];
      const base = { sql: forPlain(sql).trim() };
      try {
        const result = await client.query({ text: spell(sql), rowMode: "array" });
        seen.push({ ...base, tag: result.command, rows: result.rows, notices });
      } catch (error) {
        const { code, message, detail, hint } = error as pg.DatabaseError;
        seen.push({
          ...base,
          error: [code, message, detail, hint].filter((part) => part !== undefined).join(" | "),
          notices,
        });
      }
    }
  } finally {
    await client.end();
  }
  return seen;
}

/** What both said. */
export async function seeBoth(
  plain: PlainPostgres,
  cluster: TestCluster,
  statements: readonly string[],
): Promise<{ plain: Seen[]; pleiad: Seen[] }> {
  return {
    plain: await see(plain.client(), statements, forPlain),
    pleiad: await see(cluster.client(), statements, forPleiad),
  };
}

/** A statement on one server, past the coordinator: what a test looks at when it asks what really lies there. */
import pg from "pg";
import type { Server } from "../../src/config/topology.ts";

export async function queryServer(
  server: Server,
  sql: string,
  database = "postgres",
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ host: server.host, port: server.port, user: "postgres", database });
  await client.connect();
  try {
    const result = await client.query<Record<string, unknown>>(sql);
    return result.rows;
  } finally {
    await client.end();
  }
}

/** A plain PostgreSQL for the tests of one file, and the catalog room's Query over one connection to it. */
import pg from "pg";
import { afterAll, beforeAll } from "vitest";
import { startPlainPostgres, type PlainPostgres } from "./plain-postgres.ts";
import type { Query } from "../../src/catalog/query.ts";

/** To be called where the file's tests are described: the server is started before them and `prepare` is run on it. Values come as texts. */
export function plainQuery(prepare: (query: Query) => Promise<void>): Query {
  let server: PlainPostgres | undefined;
  let client: pg.Client | undefined;
  const query: Query = async (sql, parameters) => {
    const result = await client!.query<(string | null)[]>({
      text: sql,
      rowMode: "array",
      types: { getTypeParser: () => (value: string) => value },
      ...(parameters === undefined ? {} : { values: [...parameters] }),
    });
    return result.rows;
  };
  beforeAll(async () => {
    server = await startPlainPostgres();
    client = new pg.Client(server.client());
    await client.connect();
    await prepare(query);
  });
  afterAll(async () => {
    await client?.end();
    await server?.destroy();
  });
  return query;
}

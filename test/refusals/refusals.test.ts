/** Every entry of refusals.json is refused as it says: its example runs, and the last statement fails with that SQLSTATE and message. */
import { readFileSync } from "node:fs";
import pg from "pg";
import Cursor from "pg-cursor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import refusals from "../../src/errors/refusals.json" with { type: "json" };
import { queryServer } from "../cluster/server-query.ts";
import { systemPostgres } from "../cluster/system-postgres.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { distribute } from "../oracle/load.ts";
import { splitStatements } from "../oracle/split-statements.ts";

const SHOP = readFileSync(new URL("shop.sql", import.meta.url), "utf8");
const LIBRARY = readFileSync(new URL("../oracle/schema.sql", import.meta.url), "utf8");

let cluster: TestCluster;
/** Servers of an older PostgreSQL, for what only they refuse. */
let older: TestCluster | undefined;

async function start(pgBin?: string): Promise<TestCluster> {
  const started = await startTestCluster({ pgBin });
  const client = new pg.Client(started.client());
  await client.connect();
  for (const { sql } of splitStatements(LIBRARY)) await client.query(distribute(sql, "mixed"));
  for (const { sql } of splitStatements(SHOP)) await client.query(sql);
  await client.end();
  return started;
}

function limitOf(refusal: (typeof refusals)[keyof typeof refusals]): number | undefined {
  return "postgresMax" in refusal ? refusal.postgresMax : undefined;
}

const limits = Object.values(refusals).flatMap((refusal) => limitOf(refusal) ?? []);
const system = systemPostgres().find(({ major }) => limits.length > 0 && major <= Math.min(...limits));

beforeAll(async () => {
  cluster = await start();
  if (system !== undefined) older = await start(system.directory);
});

afterAll(async () => {
  await older?.destroy();
  await cluster.destroy();
});

/** What cannot be rolled back is left to run alone. */
const ALONE = /^\s*BEGIN|CONCURRENTLY|^SET client_encoding/i;

describe("refused shapes", () => {
  for (const [id, refusal] of Object.entries(refusals)) {
    const needsOlder = limitOf(refusal) !== undefined;
    test.skipIf(needsOlder && system === undefined)(id, async () => {
      const at = needsOlder ? older! : cluster;
      const client = new pg.Client(at.client());
      await client.connect();
      client.on("error", () => {});
      const statements = splitStatements(`${refusal.example};`).map(({ sql }) => sql);
      let error: pg.DatabaseError | undefined;
      try {
        if ("onCatalogNode" in refusal) await queryServer(at.server("catalog"), refusal.onCatalogNode);
        if (!ALONE.test(refusal.example)) await client.query("BEGIN");
        const rowsMax = "rowsMax" in refusal ? refusal.rowsMax : undefined;
        for (const sql of statements) {
          if ("binary" in refusal)
            await client.query({ text: sql, binary: true, queryMode: "extended" } as pg.QueryConfig);
          else if (rowsMax === undefined) await client.query(sql);
          else await client.query(new Cursor(sql)).read(rowsMax);
        }
      } catch (caught) {
        error = caught as pg.DatabaseError;
      } finally {
        await client.query("ROLLBACK").catch(() => {});
        await client.end();
      }
      expect({ sqlstate: error?.code, message: error?.message, hint: error?.hint }).toEqual({
        sqlstate: refusal.sqlstate,
        message: refusal.message,
        hint: refusal.hint,
      });
    });
  }
});

/** Distributed tables have statistics of their own on the data nodes, without anybody's ANALYZE. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { queryServer } from "../cluster/server-query.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { until } from "./node-cluster.ts";

const ROWS = 4000;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ set: { "server.settings": "{autovacuum_naptime: 1s}" } });
  await runSql(cluster.client(), "CREATE DATABASE second");
});

afterAll(async () => {
  await cluster?.destroy();
});

test.each(["postgres", "second"])(
  "what autovacuum has found changed is analysed above its partitions too, in %s",
  async (database) => {
    await runSql(
      cluster.client({ database }),
      "CREATE TABLE things (id int PRIMARY KEY, kind int) DISTRIBUTE BY HASH (id)",
      `INSERT INTO things SELECT g, g % 7 FROM generate_series(1, ${ROWS}) g`,
    );
    const known = async () => {
      let rows = 0;
      for (const node of ["dn1", "dn2"]) {
        const [found] = await queryServer(
          cluster.server(node),
          "SELECT reltuples::int AS rows, (SELECT n_distinct::int FROM pg_stats WHERE tablename = 'things' AND schemaname = 'public' AND attname = 'kind' AND inherited) AS kinds FROM pg_class WHERE oid = 'public.things'::regclass",
          database,
        );
        if (found!["kinds"] !== 7) return 0;
        rows += Number(found!["rows"]);
      }
      return rows;
    };
    await until("both nodes know", async () => (await known()) === ROWS, 40_000);
    expect(await known()).toBe(ROWS);
  },
  60_000,
);

/** A cluster and one client of it for the tests of one file. */
import pg from "pg";
import { afterAll, beforeAll } from "vitest";
import { startTestCluster, type TestCluster } from "./test-cluster.ts";

export interface ClusterClient {
  readonly cluster: TestCluster;
  readonly client: pg.Client;
}

/** To be called where the file's tests are described: starts the cluster before them, and runs the statements. */
export function clusterClient(setup: readonly string[]): ClusterClient {
  let cluster: TestCluster | undefined;
  let client: pg.Client | undefined;
  beforeAll(async () => {
    cluster = await startTestCluster();
    client = new pg.Client(cluster.client());
    await client.connect();
    for (const sql of setup) await client.query(sql);
  });
  afterAll(async () => {
    await client?.end();
    await cluster?.destroy();
  });
  return {
    get cluster() {
      return cluster!;
    },
    get client() {
      return client!;
    },
  };
}

/**
 * A plain PostgreSQL and a Pleiad with so few backend connections that sessions must share them, each with the table `tokens`: what
 * row k holds is known, so a row of somebody else's answer is recognised.
 */
import pg from "pg";
import { expect } from "vitest";
import { startPlainPostgres } from "../cluster/plain-postgres.ts";
import { startTestCluster } from "../cluster/test-cluster.ts";
import { expectSame } from "../sides/expect-same.ts";
import type { Endpoint } from "../wire/connection.ts";

export interface BothServers {
  readonly plain: Endpoint;
  readonly subject: Endpoint;
  stop(): Promise<void>;
}

export const tokenRows = 40;
export const tokenOf = (k: number): string => `token-${k}`;

async function createTokens(endpoint: Endpoint, distribution: string): Promise<void> {
  const client = new pg.Client({ ...endpoint, password: endpoint.password });
  await client.connect();
  await client.query(`CREATE TABLE tokens (k int PRIMARY KEY, token text) ${distribution}`);
  await client.query(`INSERT INTO tokens SELECT k, 'token-' || k FROM generate_series(1, ${tokenRows}) k`);
  await client.end();
}

export async function startBothServers(): Promise<BothServers> {
  const [plain, cluster] = await Promise.all([
    startPlainPostgres(),
    startTestCluster({ set: { "pool.per_node": "2" } }),
  ]);
  await createTokens(plain.client(), "");
  await createTokens(cluster.client(), "DISTRIBUTE BY HASH (k)");
  return {
    plain: plain.client(),
    subject: cluster.client(),
    stop: async () => {
      await Promise.all([plain.destroy(), cluster.destroy()]);
    },
  };
}

/** What both answer, which is the same; neither leaves anything unanswered. */
export async function sameTalk(
  servers: BothServers,
  talk: (at: Endpoint) => Promise<string[]>,
): Promise<string[]> {
  const answers = await expectSame(servers, talk);
  expect(answers.includes("silent"), answers.join("|")).toBe(false);
  return answers;
}

/** Before the coordinator of a data directory begins: what those that are gone left prepared is finished. */
import { Pools } from "../backend/pool.ts";
import type { Topology } from "../config/topology.ts";
import { DECISION_DATABASE } from "../transaction/decisions.ts";
import { Recovery } from "../transaction/recovery.ts";
import { registeredEpochs, takeOutPredecessors } from "./registry.ts";

const POOL = { perServerMax: 4, waitMsMax: 10_000 };

/** On these servers. `place`: the data directory, in which no coordinator runs now. */
export async function finishLeft(
  { internalRole }: Topology,
  servers: Topology["servers"],
  place: string,
): Promise<void> {
  const pools = new Pools(servers, POOL);
  const query = (sql: string) =>
    pools.during("catalog", internalRole, DECISION_DATABASE, (connection) => connection.query(sql));
  try {
    await takeOutPredecessors(query, place);
    const names = servers.map(({ name }) => name);
    await new Recovery(pools, internalRole, names).finishDead(async () => {
      const living = await registeredEpochs(query);
      return { has: ({ epoch }) => living.has(epoch) };
    });
  } finally {
    pools.end();
  }
}

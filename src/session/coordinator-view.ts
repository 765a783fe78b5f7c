/** pleiad.coordinators: who serves clients over these servers, as they are registered on the catalog node. */
import { DECISION_DATABASE } from "../transaction/decisions.ts";
import { quoteLiteral } from "../sql/quote.ts";
import type { SessionHost } from "./host.ts";

/** `self`: the coordinator that is asked. */
export async function coordinatorRows({ pools, internalRole, memory }: SessionHost): Promise<string[][]> {
  const connection = await pools.take("catalog", internalRole, DECISION_DATABASE);
  try {
    const rows = await connection.query(
      "SELECT epoch, address, started FROM pleiad.coordinator ORDER BY epoch",
    );
    return rows.map(([epoch, address, started]) => [
      `${epoch}::int4`,
      `${quoteLiteral(address!)}::text`,
      `${quoteLiteral(started!)}::timestamptz`,
      String(Number(epoch) === memory.coordination.epoch),
    ]);
  } finally {
    pools.give(connection);
  }
}

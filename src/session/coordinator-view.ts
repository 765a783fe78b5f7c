/** pleiad.coordinators: who serves clients over these servers, as they are registered on the catalog node. */
import { DECISION_DATABASE } from "../transaction/decisions.ts";
import type { SessionHost } from "./host.ts";
import type { ViewRow } from "./node-views.ts";

/** `self`: the coordinator that is asked. */
export async function coordinatorRows({ pools, internalRole, memory }: SessionHost): Promise<ViewRow[]> {
  const rows = await pools.during("catalog", internalRole, DECISION_DATABASE, (connection) =>
    connection.query("SELECT epoch, address, started FROM pleiad.coordinator ORDER BY epoch"),
  );
  return rows.map(([epoch, address, started]) => [
    Number(epoch),
    address!,
    started!,
    Number(epoch) === memory.coordination.epoch,
  ]);
}

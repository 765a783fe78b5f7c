/**
 * What one process has loaded or planned serves all: snapshots of the definitions, and plans, in the node's shared memory. Everything is
 * kept under the version of the definitions that it was made for, so that nothing old is ever found (row N8).
 */
import { decodeSnapshot, encodeSnapshot } from "../catalog/snapshot-codec.ts";
import type { Snapshot } from "../catalog/snapshot.ts";
import type { SharedDatabase } from "../shared-memory/shared-database.ts";
import type { SharedStore } from "../shared-memory/store.ts";
import { decodePlans, encodePlans } from "./plan-codec.ts";
import type { PlannedStatement } from "./planned-statement.ts";

export class SharedDefinitions {
  private readonly snapshots: SharedDatabase;
  private readonly plansByKey: SharedDatabase;
  /** Plans of other processes that were found. */
  found = 0;

  constructor(store: SharedStore) {
    this.snapshots = store.database("definitions", "cache");
    this.plansByKey = store.database("plans", "cache");
  }

  snapshot(database: string, version: number): Snapshot | undefined {
    const bytes = this.snapshots.get(definitionKey(database, version));
    return bytes && decodeSnapshot(bytes);
  }

  keepSnapshot(database: string, version: number, snapshot: Snapshot): void {
    this.snapshots.removePrefix(`${shortName(database)}\0`);
    this.snapshots.put(definitionKey(database, version), encodeSnapshot(snapshot));
  }

  /** Plans that were made with `snapshot`, or with another process's copy of it. */
  plans(
    database: string,
    version: number,
    key: string,
    snapshot: Snapshot,
  ): readonly PlannedStatement[] | undefined {
    const bytes = this.plansByKey.get(`${definitionKey(database, version)}\0${key}`);
    if (bytes === undefined) return undefined;
    this.found++;
    return decodePlans(bytes, snapshot, version);
  }

  keepPlans(database: string, version: number, key: string, plans: readonly PlannedStatement[]): void {
    const bytes = encodePlans(plans);
    if (bytes !== undefined) this.plansByKey.put(`${definitionKey(database, version)}\0${key}`, bytes);
  }

  /** Definitions have changed: what was planned before is not looked for any more. */
  forgetPlans(database: string): void {
    this.plansByKey.removePrefix(`${shortName(database)}\0`);
  }
}

/** Names have at most 63 bytes, but a client may ask for a database of any name. */
function shortName(database: string): string {
  return database.slice(0, 200);
}

function definitionKey(database: string, version: number): string {
  return `${shortName(database)}\0${version}`;
}

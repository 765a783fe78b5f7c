/** What all sessions of a coordinator share; handed to each, never global. */
import type { Server } from "../config/topology.ts";
import type { Multiplexer } from "../backend/multiplexer.ts";
import type { Pools } from "../backend/pool.ts";
import type { DependentTasks } from "../execute/dependent-task.ts";
import type { CommitLog } from "../transaction/two-phase-commit.ts";
import type { NodeMemory } from "../shared-memory/node-memory.ts";
import type { SharedDatabase } from "../shared-memory/shared-database.ts";
import type { SharedStore } from "../shared-memory/store.ts";
import type { Admission } from "./admission.ts";
import type { DatabaseCatalogs } from "./database-catalog.ts";
import type { ResultCache } from "./result-cache.ts";

/** Counted by the sessions of one process. */
export interface SessionCounts {
  statements: number;
  plansMade: number;
}

export interface SessionHost {
  readonly pools: Pools;
  readonly multiplexer: Multiplexer;
  readonly servers: readonly Server[];
  readonly internalRole: string;
  readonly catalogs: DatabaseCatalogs;
  readonly commitLog: CommitLog;
  readonly computeNodes: readonly string[];
  /** What executors take over. */
  readonly tasks: DependentTasks;
  /** The node that this process belongs to. */
  readonly memory: NodeMemory;
  readonly admission: Admission;
  /** What sessions of this process have done since it began. */
  readonly counts: SessionCounts;
  readonly store: SharedStore;
  readonly results: ResultCache;
  /** Record of this process in the node's memory. */
  readonly slot: number;
  /** What outlives the process that serves a session. */
  readonly kept: SharedDatabase;
  /** By server: what passes the gate (catalog/install-gate.ts). */
  readonly gateSecrets: ReadonlyMap<string, string>;
  /** When statements of the simple protocol get parameters for their literals (configuration key of this name). */
  readonly liftLiterals: "auto" | "always" | "never";
  /** Resolves when the coordinator's idle connections to this database are closed. */
  leaveDatabase(database: string): Promise<void>;
  /** Shards of a hash table that does not say SHARDS. */
  readonly defaultShards: number;
}

/** How many executors a node has, and how its processes share the connections to each server. */
import { availableParallelism } from "node:os";
import type { PoolOptions } from "../backend/pool.ts";
import type { PleiadConfig } from "../config/schema.ts";
import type { ProcessStart } from "./messages.ts";
import { canHaveSockets } from "./task-link.ts";

const EXECUTORS_MAX = 8;
/** An executor is for what keeps the servers busy: it needs fewer cores than they do. */
const CORES_FOR_ONE = 4;
/** Of all connections, this part is for executors: so many that those who move rows never wait for those who ask for new ones. */
const PART_OF_EXECUTORS = 1 / 4;
/** A statement that joins a catalog with tables has two connections to one server. */
const CONNECTIONS_MIN = 2;
/** Longest time that a statement waits for a backend connection. */
const POOL_WAIT_MS_MAX = 30_000;

/** As many as were asked for, else one for every four cores, as far as their part of the connections goes; none where they could not be reached. */
export function executorCount(config: PleiadConfig, memory: string): number {
  if (!canHaveSockets(memory)) return 0;
  if (config.executors !== undefined) return config.executors;
  const wanted = Math.max(1, Math.floor(availableParallelism() / CORES_FOR_ONE));
  const affordable = Math.floor((config.pool.per_node * PART_OF_EXECUTORS) / CONNECTIONS_MIN);
  return Math.min(wanted, affordable, EXECUTORS_MAX);
}

type Shared = Pick<ProcessStart, "config" | "workers" | "executors">;

function pool(connections: number, processes: number): PoolOptions {
  const share = Math.floor(connections / processes);
  return { perServerMax: Math.max(CONNECTIONS_MIN, share), waitMsMax: POOL_WAIT_MS_MAX };
}

export function executorPool({ config, executors }: Shared): PoolOptions {
  return pool(config.pool.per_node * PART_OF_EXECUTORS, executors);
}

export function workerPool({ config, workers, executors }: Shared): PoolOptions {
  const rest = executors === 0 ? 1 : 1 - PART_OF_EXECUTORS;
  return pool(config.pool.per_node * rest, workers);
}

/** Names of Pleiad's prepared transactions say whose they are: of which registration of a coordinator, of which of its processes. */

/** All begin so: a stranger's prepared transaction is never touched (row T8). */
export const NAME_PREFIX = "pleiad_2pc_";

/** Who names a transaction. */
export interface Namer {
  /** Number of the coordinator's registration (pleiad.coordinator). */
  readonly epoch: number;
  /** Of the process; no two processes of a coordinator have the same. */
  readonly life: number;
}

export function transactionName({ epoch, life }: Namer, count: number): string {
  return `${NAME_PREFIX}${epoch}_${life}_${count}`;
}

/** Undefined for a name that no coordinator gives: nobody is still at work on it. */
export function namerOf(name: string): Namer | undefined {
  const found = /^pleiad_2pc_(\d+)_(\d+)_\d+$/.exec(name);
  return found === null ? undefined : { epoch: Number(found[1]), life: Number(found[2]) };
}

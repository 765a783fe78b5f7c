/** How long to wait before a process that ended is started again: at once the first time, then longer and longer. Pure. */
export interface RestartHistory {
  /** Restarts since it last ran for long enough. */
  readonly failures: number;
}

export const noRestarts: RestartHistory = { failures: 0 };

export interface DelayLimits {
  readonly firstDelayMs: number;
  readonly delayMsMax: number;
}

const ofServers: DelayLimits = { firstDelayMs: 100, delayMsMax: 10_000 };
/** The coordinator's restart starts all servers again: a few times per minute are enough. */
export const ofCoordinator: DelayLimits = { firstDelayMs: 1000, delayMsMax: 20_000 };
/** What ran this long has proved itself. */
const stableMs = 30_000;

export function afterEnd(
  history: RestartHistory,
  ranMs: number,
  { firstDelayMs, delayMsMax }: DelayLimits = ofServers,
): { readonly history: RestartHistory; readonly delayMs: number } {
  const failures = ranMs >= stableMs ? 0 : history.failures;
  const delayMs = failures === 0 ? 0 : Math.min(delayMsMax, firstDelayMs * 2 ** (failures - 1));
  return { history: { failures: failures + 1 }, delayMs };
}

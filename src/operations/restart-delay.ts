/** How long to wait before a server that ended is started again: at once the first time, then longer and longer. Pure. */
export interface RestartHistory {
  /** Restarts since the server last ran for long enough. */
  readonly failures: number;
}

export const noRestarts: RestartHistory = { failures: 0 };

const firstDelayMs = 100;
const delayMsMax = 10_000;
/** A server that ran this long has proved itself. */
const stableMs = 30_000;

export function afterEnd(
  history: RestartHistory,
  ranMs: number,
): { readonly history: RestartHistory; readonly delayMs: number } {
  const failures = ranMs >= stableMs ? 0 : history.failures;
  const delayMs = failures === 0 ? 0 : Math.min(delayMsMax, firstDelayMs * 2 ** (failures - 1));
  return { history: { failures: failures + 1 }, delayMs };
}

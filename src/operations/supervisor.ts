/** Keeps one server running: when it ends without being told to, what is left of it is cleared and it is started again. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../observe/log.ts";
import type { Instance } from "./instance.ts";
import type { InstanceProcess } from "./instance-process.ts";
import { afterEnd, noRestarts } from "./restart-delay.ts";
import { stopServerProcesses } from "./server-processes.ts";

export interface Supervised {
  readonly instance: Instance;
  /** undefined while the server is down. */
  pid(): number | undefined;
  restarts(): number;
  stop(): Promise<void>;
}

export interface SupervisorOptions {
  readonly start: (instance: Instance) => Promise<InstanceProcess>;
  readonly log: Log;
  /** Called after each change, so that the recorded process ids stay true. */
  onChange(): void;
}

/** `first` is the server as it was started; from here on the supervisor answers for it. */
export function supervise(first: InstanceProcess, options: SupervisorOptions): Supervised {
  const { instance } = first;
  const stopping = new AbortController();
  let current: InstanceProcess | undefined = first;
  let restarts = 0;

  const restart = async (): Promise<InstanceProcess | undefined> => {
    try {
      // Backends of a killed postmaster hold its shared memory until they end.
      await stopServerProcesses([instance.pgdata]);
      return await options.start(instance);
    } catch (error) {
      options.log.error("server could not be restarted", { server: instance.name, error });
      return undefined;
    }
  };

  const watch = async () => {
    let history = noRestarts;
    let startedAt = Date.now();
    for (;;) {
      const reason = current === undefined ? "not started" : await current.ended;
      if (stopping.signal.aborted) return;
      current = undefined;
      options.onChange();
      const next = afterEnd(history, Date.now() - startedAt);
      history = next.history;
      options.log.warn("server ended, starting it again", {
        server: instance.name,
        reason,
        delayMs: next.delayMs,
      });
      await sleep(next.delayMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      startedAt = Date.now();
      current = await restart();
      if (current === undefined) continue;
      restarts++;
      options.log.info("server runs again", { server: instance.name, pid: current.pid });
      options.onChange();
    }
  };
  const watching = watch();

  return {
    instance,
    pid: () => current?.pid,
    restarts: () => restarts,
    stop: async () => {
      stopping.abort();
      await current?.stop();
      // It may be in the middle of a restart.
      await watching;
      await current?.stop();
    },
  };
}

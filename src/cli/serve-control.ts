/** What the running coordinator does when a command asks it. */
import type { Server } from "node:net";
import type { LoadedConfig } from "../config/load-config.ts";
import { reloadConfig } from "../config/reload-config.ts";
import { CannotReplace, ReloadUnderWay } from "../node/supervisor/replace-all.ts";
import type { Supervisor } from "../node/supervisor/supervisor.ts";
import type { Log } from "../observe/log.ts";
import { serveControl, type ReloadRequest, type Say } from "../operations/control-socket.ts";
import { OperationError } from "../operations/operation-error.ts";
import { describeFailure } from "./output.ts";

/** `path`: of the socket. */
export function controlCoordinator(
  path: string,
  supervisor: Supervisor,
  loaded: LoadedConfig,
  log: Log,
): Promise<Server> {
  let { config } = loaded;
  const reload = async ({ program, timeoutMs }: ReloadRequest, say: Say) => {
    const now = loaded.again();
    const next = reloadConfig(config, now.config);
    for (const text of [...now.warnings, ...next.needRestart.map(needsRestart)]) say({ kind: "warn", text });
    await supervisor.reload({ config: next.config, command: program }, timeoutMs, (text) =>
      say({ kind: "step", text }),
    );
    config = next.config;
  };
  return serveControl(path, async (request, say) => {
    log.info("a reload was asked for", { timeoutMs: request.timeoutMs });
    try {
      await reload(request, say);
      log.info("reloaded");
      say({ kind: "done" });
    } catch (error) {
      const failure = describeFailure(inWords(error));
      log.error("the reload failed", { error: failure.error });
      say({ kind: "failed", ...failure });
    }
  });
}

function needsRestart(key: string): string {
  return `${key} is configured otherwise now: that takes effect at the next start`;
}

function inWords(error: unknown): unknown {
  if (error instanceof ReloadUnderWay) return new OperationError(error.message, "Wait for its end.");
  if (!(error instanceof CannotReplace)) return error;
  return new OperationError(
    error.message,
    error.partly
      ? "Some processes are new ones, the others go on as before. `pleiad logs` says more; then reload again."
      : "Nothing was changed. `pleiad logs` says more. A version that lays out the shared memory in another way needs `pleiad down` and `pleiad up`.",
  );
}

/**
 * How a command talks to the running coordinator: one line of JSON to a Unix socket that only the coordinator's own user can open, and
 * lines back until the last one says how it went.
 */
import { chmodSync, rmSync } from "node:fs";
import net from "node:net";
import { createInterface } from "node:readline";
import { OperationError } from "./operation-error.ts";

export interface ReloadRequest {
  readonly command: "reload";
  /** The command line of a process of the coordinator, to which its kind is added. */
  readonly program: readonly string[];
  /** What is under way may take so long. */
  readonly timeoutMs: number;
}

export type ControlAnswer =
  | { readonly kind: "step"; readonly text: string }
  | { readonly kind: "warn"; readonly text: string }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly error: string; readonly hint?: string | undefined };

export type Say = (answer: ControlAnswer) => void;

/** Resolves when commands can ask. `answer` says the last word, and never throws. */
export async function serveControl(
  path: string,
  answer: (request: ReloadRequest, say: Say) => Promise<void>,
): Promise<net.Server> {
  rmSync(path, { force: true });
  const server = net.createServer((socket) => {
    // Whoever asked may go: what was begun goes on.
    socket.on("error", () => {});
    createInterface({ input: socket }).once("line", (line) => {
      const say: Say = (said) => void socket.write(`${JSON.stringify(said)}\n`);
      const request = requestIn(line);
      if (request !== undefined) return void answer(request, say).finally(() => socket.end());
      say({ kind: "failed", error: "the coordinator is of another version and does not know this command" });
      socket.end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(path, resolve);
  });
  chmodSync(path, 0o600);
  server.unref();
  return server;
}

/** Undefined: a command of another version, or nothing of ours. */
function requestIn(line: string): ReloadRequest | undefined {
  try {
    const request = JSON.parse(line) as ReloadRequest;
    const known = request.command === "reload" && Array.isArray(request.program);
    return known && Number.isFinite(request.timeoutMs) ? request : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves when it is done. Throws an OperationError: the coordinator's own, or that it does not answer. */
export async function askControl(
  path: string,
  request: ReloadRequest,
  heard: (answer: Extract<ControlAnswer, { kind: "step" | "warn" }>) => void,
): Promise<void> {
  const socket = net.connect(path);
  await new Promise<void>((resolve, reject) => {
    socket
      .once("connect", resolve)
      .once("error", (error: NodeJS.ErrnoException) =>
        reject(
          error.code === "EACCES" || error.code === "EPERM"
            ? new OperationError("the coordinator belongs to another user", "Run the command as that user.")
            : new OperationError(
                `the coordinator does not answer (${error.code ?? error.message})`,
                "It may be starting or stopping; `pleiad status` says what runs.",
              ),
        ),
      );
  });
  socket.on("error", () => {});
  socket.write(`${JSON.stringify(request)}\n`);
  for await (const line of createInterface({ input: socket })) {
    const answer = JSON.parse(line) as ControlAnswer;
    if (answer.kind === "done") return void socket.destroy();
    if (answer.kind === "failed") throw new OperationError(answer.error, answer.hint);
    heard(answer);
  }
  throw new OperationError("the coordinator ended before it was done", "`pleiad status` says what runs.");
}

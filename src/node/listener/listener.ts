/**
 * The listener: accepts connections, gives each to a session worker, and keeps a duplicate. It reads nothing from them and writes
 * nothing to them, so that it stays quick whatever clients send.
 */
import net from "node:net";
import type { Log } from "../../observe/log.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { Channel } from "../channel.ts";
import type { ProcessStart } from "../messages.ts";
import { handleOf, type RawHandle } from "../raw-handle.ts";
import { Assignment } from "./assignment.ts";

const BACKLOG = 4096;

export async function runListener(
  start: ProcessStart,
  memory: NodeMemory,
  channel: Channel,
  log: Log,
): Promise<void> {
  const assignment = new Assignment(memory, start.workers, {
    give: (id, life, handle, isNew) =>
      void channel.send({ kind: isNew ? "session" : "adopt", id, life }, handle),
    refuse: (handle) => {
      log.warn("a connection was refused: no room for more", { connections: memory.sessions.capacity });
      handle.close();
    },
  });
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    let handle: RawHandle;
    try {
      handle = handleOf(socket);
    } catch {
      return;
    }
    assignment.accept(handle);
  });
  channel.listen((message, handle) => {
    if (message.kind === "listen") listen(server, message.host, message.port, channel);
    else if (message.kind === "closed") for (const id of message.ids) assignment.closed(id);
    else if (message.kind === "held" && handle !== undefined) assignment.hold(message.id, handle);
    else if (message.kind === "returned") assignment.returned(message.id);
    else if (message.kind === "ended") assignment.workerEnded(message.life);
    else if (message.kind === "stop") process.exit(0);
  });
  await channel.send({ kind: "ready" });
}

function listen(server: net.Server, host: string, port: number, channel: Channel): void {
  const failed = (error: NodeJS.ErrnoException) =>
    void channel.send({ kind: "cannot listen", code: error.code ?? "", message: error.message });
  server.once("error", failed);
  server.listen({ host, port, backlog: BACKLOG }, () => {
    server.off("error", failed);
    void channel.send({ kind: "listening", port: (server.address() as net.AddressInfo).port });
  });
}

/**
 * The listener: accepts connections and gives each to a session worker. It reads nothing from them and writes nothing to them, so that
 * it stays quick whatever clients send; and it keeps nothing, so that the next one knows as much.
 */
import net from "node:net";
import type { Log } from "../../observe/log.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { Channel } from "../channel.ts";
import type { ProcessStart } from "../messages.ts";
import { handleOf, handleOfServer, type RawHandle } from "../raw-handle.ts";
import { Assignment } from "./assignment.ts";

const BACKLOG = 4096;

export async function runListener(
  start: ProcessStart,
  memory: NodeMemory,
  channel: Channel,
  log: Log,
): Promise<void> {
  // By the worker's life: all that are to go on there are told in one message.
  const adoptions = new Map<number, number[]>();
  const tellAdoptions = () => {
    for (const [life, ids] of adoptions) void channel.send({ kind: "adopt", ids, life });
    adoptions.clear();
  };
  const assignment = new Assignment(memory, start.workers, {
    give: (id, life, handle) => {
      if (handle === undefined) {
        if (adoptions.size === 0) queueMicrotask(tellAdoptions);
        const ids = adoptions.get(life);
        if (ids === undefined) adoptions.set(life, [id]);
        else ids.push(id);
      }
      // The supervisor has one of its own by then.
      else void channel.send({ kind: "session", id, life }, handle).then(() => handle.close());
    },
    refuse: (handle) => {
      log.warn("a connection was refused: no room for more", { connections: memory.sessions.capacity });
      handle.close();
    },
    closed: (ids) => void channel.send({ kind: "closed", ids }),
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
    else if (message.kind === "take over") {
      assignment.takeOver(message.held);
      server.listen(handle, BACKLOG);
    } else if (message.kind === "closed") for (const id of message.ids) assignment.closed(id);
    else if (message.kind === "returned") assignment.returned(message.id, message.life);
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
    const taken = (server.address() as net.AddressInfo).port;
    void channel.send({ kind: "listening", port: taken }, handleOfServer(server));
  });
}

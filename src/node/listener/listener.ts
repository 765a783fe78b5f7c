/**
 * The listener: accepts connections and gives each to a session worker. It reads nothing from them and writes nothing to them, so that
 * it stays quick whatever clients send; and it keeps nothing, so that the next one knows as much.
 */
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../observe/log.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { Channel } from "../channel.ts";
import type { ProcessStart } from "../messages.ts";
import { handleOf, handleOfServer, type RawHandle } from "../raw-handle.ts";
import { Assignment } from "./assignment.ts";

const BACKLOG = 4096;
const BALANCE_MS = 1_000;
/** How often a listener that ends looks whether all that it has accepted has left it. */
const RETIRE_LOOK_MS = 10;

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
  let sending = 0;
  const assignment = new Assignment(memory, start.workers, {
    give: (id, life, handle) => {
      if (handle === undefined) {
        if (adoptions.size === 0) queueMicrotask(tellAdoptions);
        const ids = adoptions.get(life);
        if (ids === undefined) adoptions.set(life, [id]);
        else ids.push(id);
        return;
      }
      sending++;
      // The supervisor has one of its own by then.
      void channel.send({ kind: "session", id, life }, handle).then(() => {
        sending--;
        handle.close();
      });
    },
    refuse: (handle) => {
      log.warn("a connection was refused: no room for more", { connections: memory.sessions.capacity });
      handle.close();
    },
    closed: (ids) => void channel.send({ kind: "closed", ids }),
    handOver: (id, life) => void channel.send({ kind: "hand over", id, life }),
  });
  setInterval(() => assignment.balance(performance.now()), BALANCE_MS);
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    let handle: RawHandle;
    try {
      handle = handleOf(socket);
    } catch {
      return;
    }
    assignment.accept(handle);
  });
  const retire = async () => {
    // Those that have not been accepted wait for the next listener.
    server.close();
    while (sending > 0 || !assignment.isEmpty) await sleep(RETIRE_LOOK_MS);
    process.exit(0);
  };
  channel.listen((message, handle) => {
    if (message.kind === "listen") listen(server, message.host, message.port, channel);
    else if (message.kind === "take over") {
      assignment.takeOver(message.held);
      // It may be said twice to one that dies and is started again meanwhile.
      if (!server.listening) server.listen(handle, BACKLOG);
    } else if (message.kind === "closed") for (const id of message.ids) assignment.closed(id);
    else if (message.kind === "returned") assignment.returned(message.id, message.life);
    else if (message.kind === "ended") assignment.workerEnded(message.life);
    else if (message.kind === "released") assignment.released(message.id);
    else if (message.kind === "retire") void retire();
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

/**
 * The supervisor of a node: makes its shared memory, starts its processes, starts again those that die, and carries what they have to
 * tell each other. It does no work for any client, so that nothing of a client's can bring it down.
 */
import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { PleiadConfig } from "../../config/schema.ts";
import type { Topology } from "../../config/topology.ts";
import type { Log } from "../../observe/log.ts";
import type { NodeMemory } from "../../shared-memory/node-memory.ts";
import type { ProcessEntry, ProcessKind } from "../../shared-memory/process-table.ts";
import type { FromProcess } from "../messages.ts";
import type { RawHandle } from "../raw-handle.ts";
import { clusterCertificate, clusterSecret } from "../cluster-secrets.ts";
import { executorCount } from "../process-shares.ts";
import { Child } from "./child.ts";
import { Deliveries } from "./deliveries.ts";
import { openGates } from "./gates.ts";
import { HeldConnections } from "./held-connections.ts";
import { Listening } from "./listening.ts";
import { makeMemory } from "./make-memory.ts";
import { Silence } from "./silence.ts";

export interface NodeOptions {
  readonly topology: Topology;
  readonly config: PleiadConfig;
  readonly log: Log;
  /** Names the data directory among those of the cluster's coordinators. */
  readonly place: string;
  /** Where the shared memory goes: a directory of a file system in memory, for this node alone. */
  readonly memory: string;
  /** The command line of a child process, to which its kind is added. */
  readonly command: readonly string[];
}

/** A worker waits until these have left a database. */
interface Leaving {
  readonly child: Child;
  readonly life: number;
  readonly ticket: number;
  readonly others: Set<Child>;
}

/** Connections that have not logged in yet, besides the clients that may. */
const ARRIVING_MAX = 1_000;
const WORKERS_MAX = 32;
const SPARE_WORKERS = 1;
const LOOK_MS = 1_000;

/**
 * Session workers that serve: as many as were asked for, else one for every two cores (the servers need the others), as far as each
 * can have two connections to every server. One more is started, which takes over at once when one of them dies.
 */
export function workerCount(config: PleiadConfig): number {
  if (config.session_workers !== undefined) return config.session_workers;
  const wanted = Math.min(Math.floor(availableParallelism() / 2), WORKERS_MAX);
  return Math.max(1, Math.min(wanted, Math.floor(config.pool.per_node / 2)));
}

export class Supervisor {
  private readonly options: NodeOptions;
  private readonly memory: NodeMemory;
  private readonly children: Child[] = [];
  private readonly listening = new Listening();
  private readonly connections = new HeldConnections();
  private readonly deliveries = new Deliveries(
    this.connections,
    (life) => this.withLife(life),
    (ids) => this.lose(ids),
  );
  /** Lives whose prepared transactions are still to be finished. */
  private readonly unsettled = new Set<number>();
  /** Who waits for all to leave a database, and for how many. */
  private readonly leaving = new Map<number, Leaving>();
  private lastTicket = 0;
  private onChange: () => void = () => {};
  private readonly silence = new Silence(performance.now());
  private readonly looking: NodeJS.Timeout;

  private constructor(options: NodeOptions, gateSecrets: ReadonlyMap<string, string>) {
    this.options = options;
    const { topology, config, memory, command } = options;
    const workers = workerCount(config);
    const executors = executorCount(config, memory);
    this.memory = makeMemory(memory, { sessions: config.max_client_connections + ARRIVING_MAX });
    const kinds: ProcessKind[] = [
      "listener",
      "transactions",
      ...Array<ProcessKind>(workers + SPARE_WORKERS).fill("worker"),
      ...Array<ProcessKind>(executors).fill("executor"),
    ];
    this.looking = setInterval(() => this.endSilent(), LOOK_MS);
    const start = {
      memory,
      topology,
      config,
      gateSecrets: [...gateSecrets],
      place: options.place,
      workers,
      executors,
    };
    kinds.forEach((kind, slot) =>
      this.children.push(
        new Child({
          kind,
          slot,
          memory: this.memory,
          command,
          start,
          message: (child, message, handle) => this.heard(child, message, handle),
          wrote: (text) => options.log.write(text),
          ended: (child, reason, delayMs) => this.ended(child, reason, delayMs),
          ready: (child) => this.ready(child),
        }),
      ),
    );
  }

  /** Resolves when all processes are ready; nobody listens yet. */
  static async start(options: NodeOptions): Promise<Supervisor> {
    const gateSecrets = await openGates(options.topology);
    await makeSecrets(options.config);
    const supervisor = new Supervisor(options, gateSecrets);
    try {
      await Promise.all(supervisor.children.map((child) => child.firstReady));
    } catch (error) {
      await supervisor.close();
      throw error;
    }
    return supervisor;
  }

  /** Lets clients in. Gives the port (0 took any). Throws CannotListen. */
  async listen(host: string, port: number): Promise<number> {
    const taken = await this.listening.begin(this.only("listener"), host, port);
    this.tellAddress();
    return taken;
  }

  processes(): readonly ProcessEntry[] {
    return this.memory.processes.entries();
  }

  /** Called after a process ended or runs again. */
  whenChanged(listener: () => void): void {
    this.onChange = listener;
  }

  /** Clients are told to go; then all processes stop, and the memory is given back. */
  async close(): Promise<void> {
    clearInterval(this.looking);
    const of = (kind: ProcessKind) => this.children.filter((child) => child.kind === kind);
    for (const kind of ["listener", "worker", "executor", "transactions"] as const) {
      await Promise.all(of(kind).map((child) => child.stop()));
      if (kind === "listener") this.listening.end();
      if (kind === "worker") this.connections.closeAll();
    }
    rmSync(this.options.memory, { recursive: true, force: true });
  }

  private endSilent(): void {
    const { processes } = this.memory;
    const turning = processes
      .entries()
      .filter(({ state }) => state === "ready")
      .map(({ slot, life }) => ({ life, beats: processes.beats(slot) }));
    for (const life of this.silence.look(turning, performance.now())) {
      const child = this.withLife(life);
      if (child === undefined) continue;
      this.options.log.warn("a process does not turn any more and is killed", { process: child.kind });
      child.kill();
    }
  }

  private only(kind: "listener" | "transactions"): Child {
    return this.children.find((child) => child.kind === kind)!;
  }

  private withLife(life: number): Child | undefined {
    return this.children.find((child) => child.life === life && child.pid !== undefined);
  }

  private heard(child: Child, message: FromProcess, handle: RawHandle | undefined): void {
    switch (message.kind) {
      case "listening":
        return this.listening.begun(message.port, handle!);
      case "cannot listen":
        return this.listening.failed(message.code, message.message);
      case "session":
        this.connections.keep(message.id, handle!);
        return this.passOn(message);
      case "adopt":
        return this.deliveries.add(message.ids, message.life);
      case "cancel":
        this.withLife(this.memory.sessions.owner(message.id))?.send(message);
        return;
      case "closed":
        for (const id of message.ids) this.connections.close(id);
        if (child.kind !== "listener") this.only("listener").send(message);
        return;
      case "settled":
        this.unsettled.delete(message.life);
        return;
      case "announce":
        return this.only("transactions").send({ ...message, life: child.life });
      case "announced":
        return this.withLife(message.life)?.send({ kind: "announced", ticket: message.ticket });
      case "leave":
        return this.allLeave(child, message.database, message.ticket);
      case "left":
        return this.left(child, message.ticket);
      case "ready":
      case "failed":
        // The child itself hears these.
        return;
    }
  }

  private passOn({ kind, id, life }: Extract<FromProcess, { kind: "session" }>): void {
    const connection = this.connections.lend(id);
    if (connection === undefined) return this.only("listener").send({ kind: "closed", ids: [id] });
    const sent = (error: Error | null) => {
      connection.sent();
      if (error !== null) this.only("listener").send({ kind: "returned", id, life });
    };
    const worker = this.withLife(life);
    if (worker === undefined) sent(new Error("the worker has gone"));
    else worker.send({ kind, id }, connection.handle, sent);
  }

  private lose(ids: readonly number[]): void {
    for (const id of ids) {
      this.memory.sessions.close(id);
      this.connections.close(id);
    }
    this.only("listener").send({ kind: "closed", ids });
  }

  private ready(child: Child): void {
    if (child.kind === "listener") this.listening.goOn(child, this.connections.ids());
    if (child.kind === "transactions") {
      for (const life of this.unsettled) child.send({ kind: "settle", life });
      this.tellAddress();
      for (const worker of this.children)
        if (worker.kind === "worker") worker.send({ kind: "announce again" });
    }
    this.onChange();
  }

  private tellAddress(): void {
    const { address } = this.listening;
    if (address !== undefined) this.only("transactions").send({ kind: "address", address });
  }

  private ended(child: Child, reason: string, delayMs: number): void {
    const { kind, life } = child;
    this.options.log.warn("a process ended, starting it again", { process: kind, reason, delayMs });
    if (kind === "worker") {
      this.only("listener").send({ kind: "ended", life });
      this.unsettled.add(life);
      this.only("transactions").send({ kind: "settle", life });
    }
    for (const [ticket, waiting] of this.leaving) {
      if (waiting.child === child && waiting.life === life) this.leaving.delete(ticket);
      else this.left(child, ticket);
    }
    this.onChange();
  }

  private allLeave(child: Child, database: string, ticket: number): void {
    const others = new Set(
      this.children.filter(
        (other) => other !== child && other.pid !== undefined && other.kind !== "listener",
      ),
    );
    if (others.size === 0) return child.send({ kind: "left", ticket });
    const own = ++this.lastTicket;
    this.leaving.set(own, { child, life: child.life, ticket, others });
    for (const other of others) other.send({ kind: "leave", database, ticket: own });
  }

  private left(other: Child, ticket: number): void {
    const waiting = this.leaving.get(ticket);
    if (waiting === undefined) return;
    waiting.others.delete(other);
    if (waiting.others.size > 0) return;
    this.leaving.delete(ticket);
    if (waiting.child.life === waiting.life) waiting.child.send({ kind: "left", ticket: waiting.ticket });
  }
}

/** Files that all workers read: made by one. */
async function makeSecrets(config: PleiadConfig): Promise<void> {
  clusterSecret(config.data);
  if (config.tls.mode !== "off" && config.tls.certificate === undefined) await clusterCertificate(config);
}

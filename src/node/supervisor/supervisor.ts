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
import type { Child } from "./child.ts";
import { Children } from "./children.ts";
import { Deliveries } from "./deliveries.ts";
import { openGates } from "./gates.ts";
import { HeldConnections } from "./held-connections.ts";
import { Listening } from "./listening.ts";
import { makeMemory } from "./make-memory.ts";
import { CannotReplace, ReloadUnderWay, replaceAll } from "./replace-all.ts";
import { Silence } from "./silence.ts";

/** What processes are started from. */
export interface Program {
  readonly config: PleiadConfig;
  /** The command line of a child process, to which its kind is added. */
  readonly command: readonly string[];
}

export interface NodeOptions extends Program {
  readonly topology: Topology;
  readonly log: Log;
  /** Names the data directory among those of the cluster's coordinators. */
  readonly place: string;
  /** Where the shared memory goes: a directory of a file system in memory, for this node alone. */
  readonly memory: string;
}

/** A process as the supervisor knows it: its record, the version of its program, and when it began (milliseconds since 1970). */
interface RunningChild extends ProcessEntry {
  readonly version: string;
  readonly startedAt: number;
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
/** To start a process takes a processor for some 300 ms, which those who go on with a dead worker's sessions need more. */
const REPLACEMENT_DELAY_MS = 500;

/**
 * Session workers that serve: as many as were asked for, else one for every two cores (the servers need the others), as far as each
 * can have two connections to every server. One more is started, which takes over at once when one of them dies.
 */
export function workerCount(config: PleiadConfig): number {
  if (config.session_workers !== undefined) return config.session_workers;
  const wanted = Math.min(Math.floor(availableParallelism() / 2), WORKERS_MAX);
  return Math.max(1, Math.min(wanted, Math.floor(config.pool.per_node / 2)));
}

/** How many processes of each kind a node has. */
function processNumbers(config: PleiadConfig, memory: string): Readonly<Record<ProcessKind, number>> {
  const [worker, executor] = [workerCount(config) + SPARE_WORKERS, executorCount(config, memory)];
  return { listener: 1, transactions: 1, worker, executor };
}

export class Supervisor {
  private readonly options: NodeOptions;
  private readonly memory: NodeMemory;
  private readonly children: Children;
  private readonly gateSecrets: ReadonlyMap<string, string>;
  /** What children are started from. */
  private program: Program;
  private reloading = false;
  private readonly listening = new Listening();
  private readonly connections = new HeldConnections();
  private readonly deliveries = new Deliveries(
    this.connections,
    (life) => this.children.withLife(life),
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
    this.program = options;
    this.gateSecrets = gateSecrets;
    const { config, memory, log } = options;
    this.memory = makeMemory(memory, { sessions: config.max_client_connections + ARRIVING_MAX });
    this.looking = setInterval(() => this.endSilent(), LOOK_MS);
    this.children = new Children({
      memory: this.memory,
      message: (child, message, handle) => this.heard(child, message, handle),
      wrote: (text) => log.write(text),
      delayMsMin: ({ kind }) => (this.serves(kind) ? REPLACEMENT_DELAY_MS : 0),
      ended: (child, reason, delayMs) => this.ended(child, reason, delayMs),
      ready: (child) => this.ready(child),
    });
    for (const [kind, number] of Object.entries(processNumbers(config, memory)))
      for (let i = 0; i < number; i++) this.start(kind as ProcessKind);
  }

  private start(kind: ProcessKind): Child {
    const { topology, memory, place } = this.options;
    const { config, command } = this.program;
    const workers = workerCount(config);
    const executors = executorCount(config, memory);
    const start = {
      memory,
      topology,
      config,
      gateSecrets: [...this.gateSecrets],
      place,
      workers,
      executors,
    };
    return this.children.start(kind, { command, start });
  }

  /** Resolves when all processes are ready; nobody listens yet. */
  static async start(options: NodeOptions): Promise<Supervisor> {
    const gateSecrets = await openGates(options.topology);
    await makeSecrets(options.config);
    const supervisor = new Supervisor(options, gateSecrets);
    try {
      await Promise.all(supervisor.children.all.map((child) => child.firstReady));
    } catch (error) {
      await supervisor.close();
      throw error;
    }
    return supervisor;
  }

  /** Lets clients in. Gives the port (0 took any). Throws CannotListen. */
  async listen(host: string, port: number): Promise<number> {
    const taken = await this.listening.begin(this.children.only("listener"), host, port);
    this.tellAddress();
    return taken;
  }

  processes(): readonly RunningChild[] {
    return this.memory.processes.entries().map((entry) => {
      const child = this.children.withLife(entry.life);
      return { ...entry, version: child?.version ?? "", startedAt: child?.startedAt ?? 0 };
    });
  }

  /**
   * Replaces all processes by such as are started from this program and with these settings; the clients stay. Throws CannotReplace,
   * after which those that could not be replaced go on, and ReloadUnderWay.
   */
  async reload(program: Program, timeoutMs: number, step: (text: string) => void): Promise<void> {
    if (this.reloading) throw new ReloadUnderWay();
    this.reloading = true;
    const before = this.program;
    this.program = program;
    try {
      await makeSecrets(program.config);
      await replaceAll({
        children: this.children,
        table: this.memory.processes,
        numbers: processNumbers(program.config, this.options.memory),
        start: (kind) => this.start(kind),
        startAgain: (kind) => {
          this.program = before;
          this.start(kind);
        },
        replaced: (kind) => this.takesOver(kind),
        timeoutMs,
        step,
      });
    } catch (error) {
      if (!(error instanceof CannotReplace && error.partly)) this.program = before;
      throw error;
    } finally {
      this.reloading = false;
      this.onChange();
    }
  }

  /** Called after a process ended or runs again. */
  whenChanged(listener: () => void): void {
    this.onChange = listener;
  }

  /** Clients are told to go; then all processes stop, and the memory is given back. */
  async close(): Promise<void> {
    clearInterval(this.looking);
    for (const kind of ["listener", "worker", "executor", "transactions"] as const) {
      await Promise.all(this.children.of(kind).map((child) => child.stop()));
      if (kind === "listener") this.listening.end();
      if (kind === "worker") this.connections.closeAll();
    }
    rmSync(this.options.memory, { recursive: true, force: true });
  }

  private endSilent(): void {
    const { processes } = this.memory;
    const turning = processes
      .entries()
      .filter(({ state }) => state !== "starting")
      .map(({ slot, life }) => ({ life, beats: processes.beats(slot) }));
    for (const life of this.silence.look(turning, performance.now())) {
      const child = this.children.withLife(life);
      if (child === undefined) continue;
      this.options.log.warn("a process does not turn any more and is killed", { process: child.kind });
      child.kill();
    }
  }

  private serves(kind: ProcessKind): boolean {
    return this.memory.processes.entries().some((other) => other.kind === kind && other.state === "ready");
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
        this.children.withLife(this.memory.sessions.owner(message.id))?.send(message);
        return;
      case "closed":
        for (const id of message.ids) this.connections.close(id);
        if (child.kind !== "listener") this.children.only("listener").send(message);
        return;
      case "settled":
        this.unsettled.delete(message.life);
        return;
      case "announce":
        return this.children.only("transactions").send({ ...message, life: child.life });
      case "announced":
        return this.children.withLife(message.life)?.send({ kind: "announced", ticket: message.ticket });
      case "leave":
        return this.allLeave(child, message.database, message.ticket);
      case "left":
        return this.left(child, message.ticket);
      case "hand over":
        this.children.withLife(message.life)?.send({ kind: message.kind, id: message.id });
        return;
      case "released":
        return this.children.only("listener").send(message);
      case "begun":
      case "ready":
      case "failed":
        // The child itself hears these.
        return;
    }
  }

  private passOn({ kind, id, life }: Extract<FromProcess, { kind: "session" }>): void {
    const connection = this.connections.lend(id);
    if (connection === undefined) return this.children.only("listener").send({ kind: "closed", ids: [id] });
    const sent = (error: Error | null) => {
      connection.sent();
      if (error !== null) this.children.only("listener").send({ kind: "returned", id, life });
    };
    const worker = this.children.withLife(life);
    if (worker === undefined) sent(new Error("the worker has gone"));
    else worker.send({ kind, id }, connection.handle, sent);
  }

  private lose(ids: readonly number[]): void {
    for (const id of ids) {
      this.memory.sessions.close(id);
      this.connections.close(id);
    }
    this.children.only("listener").send({ kind: "closed", ids });
  }

  private ready(child: Child): void {
    if (this.children.of(child.kind)[0] === child) this.takesOver(child.kind);
    this.onChange();
  }

  /** The process of which there is one of its kind has changed: it is told what the one before it knew. */
  private takesOver(kind: ProcessKind): void {
    if (kind === "listener") this.listening.goOn(this.children.only(kind), this.connections.ids());
    if (kind !== "transactions") return;
    for (const life of this.unsettled) this.children.only(kind).send({ kind: "settle", life });
    this.tellAddress();
    for (const worker of this.children.of("worker")) worker.send({ kind: "announce again" });
  }

  private tellAddress(): void {
    const { address } = this.listening;
    if (address !== undefined) this.children.only("transactions").send({ kind: "address", address });
  }

  private ended(child: Child, reason: string, delayMs: number | "retired"): void {
    const { kind, life } = child;
    if (delayMs === "retired") this.options.log.info("a process was replaced", { process: kind, reason });
    else this.options.log.warn("a process ended, starting it again", { process: kind, reason, delayMs });
    if (kind === "worker") {
      this.children.only("listener").send({ kind: "ended", life });
      this.unsettled.add(life);
      this.children.only("transactions").send({ kind: "settle", life });
    }
    for (const [ticket, waiting] of this.leaving) {
      if (waiting.child === child && waiting.life === life) this.leaving.delete(ticket);
      else this.left(child, ticket);
    }
    this.onChange();
  }

  private allLeave(child: Child, database: string, ticket: number): void {
    const others = new Set(
      this.children.all.filter(
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

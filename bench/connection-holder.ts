/** The processes that hold client connections (hold-connections.ts), as a benchmark uses them, and how many files they may open. */
import { fork, execFileSync, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Endpoint } from "../test/wire/connection.ts";
import type { HoldReply, HoldRequest } from "./hold-connections.ts";

/** Open files of a process besides its connections. */
const OTHER_FILES = 200;

export class ConnectionHolder {
  private readonly child: ChildProcess;

  constructor() {
    this.child = fork(fileURLToPath(new URL("hold-connections.ts", import.meta.url)), {
      execArgv: ["--import", import.meta.resolve("tsx")],
    });
  }

  private request(request: HoldRequest): Promise<HoldReply> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error("the process that holds the connections has ended"));
      this.child.once("exit", ended);
      this.child.once("message", (reply: HoldReply) => {
        this.child.off("exit", ended);
        resolve(reply);
      });
      this.child.send(request);
    });
  }

  /** Opens so many, at most those that this process may have. */
  open(at: Endpoint, count: number): Promise<HoldReply> {
    return this.request({ do: "open", at, count });
  }

  /** Asks something on every connection. */
  ask(): Promise<HoldReply> {
    return this.request({ do: "ask" });
  }

  close(): Promise<HoldReply> {
    return this.request({ do: "close" });
  }

  stop(): void {
    this.child.kill();
  }
}

/**
 * How many connections a process may hold by its limit of open files, which is raised if need be and if that is permitted (root may, for
 * any process). undefined: not known here.
 */
export function connectionsMax(pid: number, wanted: number): number | undefined {
  const files = openFilesMax(pid);
  if (files === undefined || files >= wanted + OTHER_FILES) return files && files - OTHER_FILES;
  try {
    execFileSync("prlimit", [`--pid=${pid}`, `--nofile=${wanted + OTHER_FILES}`], { stdio: "ignore" });
  } catch {
    // Neither root, nor a limit that may be raised so far.
  }
  return (openFilesMax(pid) ?? files) - OTHER_FILES;
}

function openFilesMax(pid: number): number | undefined {
  try {
    const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

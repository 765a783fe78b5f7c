/** The operating-system user under which the servers run: one's own, or as root an unprivileged one, since PostgreSQL refuses root. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { OperationError } from "./operation-error.ts";

export interface RunUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** To pass to spawn; empty when no change of user is needed. */
  readonly identity: { readonly uid?: number; readonly gid?: number };
}

function lookUp(name: string): { uid: number; gid: number } | undefined {
  try {
    const line = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((candidate) => candidate.startsWith(`${name}:`));
    if (line) {
      const [, , uid, gid] = line.split(":");
      return { uid: Number(uid), gid: Number(gid) };
    }
  } catch {
    // Not every system keeps its users there.
  }
  try {
    const ask = (option: string) =>
      Number(execFileSync("id", [option, name], { stdio: ["ignore", "pipe", "ignore"] }).toString());
    return { uid: ask("-u"), gid: ask("-g") };
  } catch {
    return undefined;
  }
}

/** `runAs` is the configured user, if any. */
export function findRunUser(runAs: string | undefined): RunUser {
  const self = userInfo();
  if (self.uid !== 0) {
    if (runAs !== undefined && runAs !== self.username) {
      throw new OperationError(
        `run_as is "${runAs}", but only root can run servers as another user, and this is "${self.username}"`,
        "Leave run_as out, or start Pleiad as root.",
      );
    }
    return { name: self.username, uid: self.uid, gid: self.gid, identity: {} };
  }
  for (const name of runAs === undefined ? ["postgres", "nobody"] : [runAs]) {
    const found = lookUp(name);
    if (found && found.uid !== 0) return { name, ...found, identity: found };
  }
  throw new OperationError(
    runAs === undefined
      ? "no unprivileged user found to run PostgreSQL as: neither postgres nor nobody exists"
      : `run_as: there is no unprivileged user "${runAs}" on this system`,
    "Create a user (useradd --system postgres) or name another with run_as.",
  );
}

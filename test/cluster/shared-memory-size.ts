/** A /dev/shm of a size of our own, in a namespace that nobody else sees. */
import { execFileSync } from "node:child_process";

/** The command that runs another one so; `size` as mount knows it. The process id is that of the other one. */
export function withSharedMemory(size: string, command: readonly string[]): string[] {
  const mounted = `mount -t tmpfs -o size=${size} tmpfs /dev/shm && exec "$@"`;
  return ["unshare", "-m", "sh", "-c", mounted, "sh", ...command];
}

export function mayMount(): boolean {
  try {
    const [program, ...args] = withSharedMemory("1m", ["true"]);
    execFileSync(program!, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** pgbouncer in transaction mode in front of the plain server, where it is installed: what a proxy costs that plans nothing. */
import { execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findRunUser } from "../src/operations/run-user.ts";
import { freePort } from "../test/cluster/plain-postgres.ts";
import { temporaryDirectory } from "../test/cluster/temporary-directory.ts";
import type { Endpoint } from "../test/wire/connection.ts";

const PROGRAMS = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
const START_MS_MAX = 5_000;

export interface Pgbouncer {
  readonly at: Endpoint;
  /** Statements that are prepared by name: since 1.21. */
  readonly keepsPrepared: boolean;
  stop(): Promise<void>;
}

/** Undefined: it is not installed. */
export async function startPgbouncer(server: Endpoint): Promise<Pgbouncer | undefined> {
  const program = PROGRAMS.find((path) => existsSync(path));
  if (program === undefined) return undefined;
  const [, major = 0, minor = 0] =
    /PgBouncer (\d+)\.(\d+)/.exec(execFileSync(program, ["--version"]).toString())?.map(Number) ?? [];
  const keepsPrepared = major > 1 || minor >= 21;
  // It refuses to run as root.
  const user = findRunUser(undefined);
  const directory = temporaryDirectory("pgbouncer");
  const port = await freePort();
  const file = join(directory, "pgbouncer.ini");
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "any",
    pool_mode: "transaction",
    max_client_conn: 1000,
    logfile: join(directory, "log"),
    log_connections: 0,
    log_disconnections: 0,
    ...(keepsPrepared ? { max_prepared_statements: 100 } : {}),
  };
  writeFileSync(
    file,
    [
      "[databases]",
      `${server.database} = host=${server.host} port=${server.port} user=${server.user}`,
      "[pgbouncer]",
      ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`),
      "",
    ].join("\n"),
  );
  if (user.identity.uid !== undefined) chownSync(directory, user.uid, user.gid);
  const child = spawn(program, ["-q", file], { ...user.identity, cwd: "/", stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  const giveUpAt = Date.now() + START_MS_MAX;
  while (!(await listens(port))) {
    if (child.exitCode === null && Date.now() < giveUpAt) await sleep(20);
    else {
      await stop();
      throw new Error("pgbouncer did not start");
    }
  }
  return { at: { ...server, host: "127.0.0.1", port }, keepsPrepared, stop };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

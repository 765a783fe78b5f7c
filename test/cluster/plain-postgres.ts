/** One plain PostgreSQL, the oracle: same programs, same locale, and clients connect to it as to Pleiad, by TCP without password. */
import { execFile } from "node:child_process";
import { appendFileSync, chownSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { localeOptions } from "../../src/operations/create-instance.ts";
import { startInstance } from "../../src/operations/instance-process.ts";
import { findPostgres } from "../../src/operations/postgres-binaries.ts";
import { findRunUser } from "../../src/operations/run-user.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const run = promisify(execFile);

/** What a client has to know of a server. */
export interface Reachable {
  readonly host: string;
  readonly port: number;
  /** postgresql://… of database postgres as user postgres */
  readonly url: string;
  /** For `new pg.Client(server.client())`. */
  client(more?: { readonly user?: string; readonly database?: string; readonly password?: string }): {
    host: string;
    port: number;
    user: string;
    database: string;
    password?: string;
  };
}

export interface PlainPostgres extends Reachable {
  readonly pid: number;
  /** Stops the server and removes its data. */
  destroy(): Promise<void>;
}

export interface PlainPostgresOptions {
  /** Programs of another PostgreSQL than the one of npm. */
  readonly pgBin?: string | undefined;
  readonly locale?: string;
  /** Added to postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Free at this moment; PostgreSQL cannot be told to take any. */
export async function freePort(): Promise<number> {
  const probe = net.createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as net.AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

export async function startPlainPostgres(options: PlainPostgresOptions = {}): Promise<PlainPostgres> {
  const user = findRunUser(undefined);
  const directory = temporaryDirectory("plain");
  if (user.identity.uid !== undefined) chownSync(directory, user.uid, user.gid);
  try {
    const binaries = await findPostgres(options.pgBin, user, join(directory, "native"));
    const pgdata = join(directory, "pgdata");
    const initOptions = ["-D", pgdata, "-U", "postgres", "--encoding=UTF8", "--no-sync", "--auth=trust"];
    await run(
      join(binaries.directory, "initdb"),
      [...initOptions, ...localeOptions(options.locale, binaries.major)],
      { ...user.identity, cwd: "/" },
    );
    const port = await freePort();
    // What Pleiad gives a data node, so that both plan and run under the same conditions.
    const settings = {
      listen_addresses: "127.0.0.1",
      port: String(port),
      unix_socket_directories: "",
      max_connections: "200",
      max_prepared_transactions: "200",
      shared_buffers: "128MB",
      fsync: "off",
      full_page_writes: "off",
      ...options.settings,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
    appendFileSync(join(pgdata, "postgresql.conf"), `\n${lines.join("")}`);
    writeFileSync(join(pgdata, "pg_hba.conf"), "host all all 127.0.0.1/32 trust\n");
    const log = join(directory, "log");
    const server = await startInstance(
      { name: "plain", kind: "data", port, socketDirectory: directory, pgdata, volatile: false, log },
      binaries,
      user,
    );
    const host = "127.0.0.1";
    const endWithProcess = () => void process.kill(server.pid, "SIGQUIT");
    process.once("exit", endWithProcess);
    return {
      host,
      port,
      url: `postgresql://postgres@${host}:${port}/postgres`,
      client: (more = {}) => ({ host, port, user: "postgres", database: "postgres", ...more }),
      pid: server.pid,
      destroy: async () => {
        process.off("exit", endWithProcess);
        await server.stop();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

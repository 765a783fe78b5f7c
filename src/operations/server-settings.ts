/** Text of the files that configure one instance; written anew at every start, so that a changed `pleiad.yaml` takes effect. */
import type { PleiadConfig } from "../config/schema.ts";
import type { Instance } from "./instance.ts";

type Value = string | number | boolean;

const bytesPerUnit = { kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const;

function half(size: string): string {
  const [, number = "0", unit = "kB"] = /^(\d+)(kB|MB|GB)$/.exec(size) ?? [];
  const kilobytes = (Number(number) * bytesPerUnit[unit as keyof typeof bytesPerUnit]) / 1024 / 2;
  // PostgreSQL's least is 16 pages.
  return `${Math.max(128, Math.floor(kilobytes))}kB`;
}

/** A value between single quotes, which PostgreSQL accepts for every type. */
function quoted(value: Value): string {
  const text = typeof value === "boolean" ? (value ? "on" : "off") : String(value);
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** Settings of the kind of server. A compute node holds nothing that must survive, so it may forget everything in a crash. */
function ofKind(instance: Instance, server: PleiadConfig["server"]): Record<string, Value> {
  if (instance.kind === "compute") {
    return {
      shared_buffers: half(server.shared_buffers),
      fsync: false,
      full_page_writes: false,
      synchronous_commit: "off",
      wal_level: "minimal",
      max_wal_senders: 0,
      min_wal_size: "32MB",
      max_wal_size: "256MB",
      autovacuum: true,
    };
  }
  const durable = {
    fsync: server.fsync,
    full_page_writes: server.fsync,
    synchronous_commit: server.synchronous_commit,
    wal_level: "replica",
  };
  if (instance.kind === "catalog") return { shared_buffers: half(server.shared_buffers), ...durable };
  return {
    shared_buffers: server.shared_buffers,
    ...durable,
    // A fragment is the client's own text over partitions: they are to be joined and grouped pairwise.
    enable_partitionwise_join: true,
    enable_partitionwise_aggregate: true,
  };
}

export const settingsFile = "pleiad.conf";

/** Content of `pleiad.conf`, which `postgresql.conf` includes last. */
export function settingsText(instance: Instance, server: PleiadConfig["server"]): string {
  const settings: Record<string, Value> = {
    cluster_name: `pleiad/${instance.name}`,
    listen_addresses: "",
    port: instance.port,
    unix_socket_directories: instance.socketDirectory,
    unix_socket_permissions: "0700",
    max_connections: server.max_connections,
    max_prepared_transactions: server.max_connections,
    password_encryption: "scram-sha-256",
    // Row N3: what a process that died was running ends soon, and its locks with it. Only some systems can tell PostgreSQL of that.
    ...(process.platform === "linux" ? { client_connection_check_interval: "500ms" } : {}),
    log_line_prefix: "%m [%p] %q%u@%d ",
    // Row O3: of a statement that fails its error is logged, not its text, which may be long and hold what is nobody's business.
    log_min_error_statement: "panic",
    ...ofKind(instance, server),
    ...server.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quoted(value)}`);
  return ["# Written by Pleiad at every start: change pleiad.yaml instead.", ...lines, ""].join("\n");
}

/**
 * Who may log in: the operating-system users of the coordinator and of the servers, as any role. Up to PostgreSQL 15 a map cannot say
 * "any role"; there the directory of the socket, which nobody else can enter, is the protection.
 */
export function accessTexts(
  pgMajor: number,
  systemUsers: readonly string[],
): { readonly hba: string; readonly ident: string } {
  const header = "# Written by Pleiad at every start.\n";
  if (pgMajor < 16) return { hba: `${header}local all all trust\n`, ident: header };
  const users = [...new Set(systemUsers)].map((user) => `pleiad "${user}" all\n`);
  return { hba: `${header}local all all peer map=pleiad\n`, ident: header + users.join("") };
}

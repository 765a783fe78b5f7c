/**
 * The one schema of `pleiad.yaml`: type, validation, defaults and the reference (docs/configuration.md) all come from it.
 * Key names are the same in the file, in the environment (PLEIAD_ and the path in upper case) and in the code.
 */
import { z } from "zod";

/** Processes read it when they begin: `pleiad reload` is enough. */
const live = { reload: true } as const;

const nodeCount = z.int().min(1).max(64);
const memorySize = z.string().regex(/^\d+(kB|MB|GB)$/, "must be a number with kB, MB or GB, as in 128MB");

const authenticationRule = z.strictObject({
  database: z.string().min(1).default("all").describe("Name of a database, or `all`."),
  user: z.string().min(1).default("all").describe("Name of a role, or `all`."),
  address: z
    .string()
    .min(1)
    .default("all")
    .describe("Address of the client in CIDR form (`10.0.0.0/8`, `::1/128`), or `all`."),
  method: z
    .enum(["trust", "scram-sha-256", "reject"])
    .describe("`trust` asks nothing, `scram-sha-256` asks for the role's password, `reject` refuses."),
});

const tls = z.strictObject({
  mode: z
    .enum(["off", "allow", "require"])
    .default("allow")
    .describe(
      "`allow` encrypts when the client asks, `require` refuses clients that do not ask, `off` never encrypts.",
    )
    .meta(live),
  certificate: z
    .string()
    .optional()
    .describe("PEM file with the certificate chain. Without it a self-signed certificate is generated.")
    .meta(live),
  key: z.string().optional().describe("PEM file with the private key of `tls.certificate`.").meta(live),
});

const pool = z.strictObject({
  per_node: z
    .int()
    .min(2)
    .default(180)
    .describe(
      "Most connections that the coordinator's session workers and executors together hold to one server. They are opened when needed; " +
        "a quarter is for executors.",
    )
    .meta(live),
});

const admissionRule = z.strictObject({
  database: z.string().min(1).default("all").describe("Name of a database, or `all`."),
  user: z.string().min(1).default("all").describe("Name of a role that clients log in as, or `all`."),
  running: z
    .int()
    .min(1)
    .optional()
    .describe("Most statements that run at once of all to whom the rule applies, together."),
  exempt: z
    .boolean()
    .default(false)
    .describe("Its statements never wait, also where more run than `admission.running` says."),
});

const admission = z.strictObject({
  running: z
    .int()
    .min(1)
    .optional()
    .describe(
      "Most statements that run at once on this coordinator, all its processes together. Others wait, and roles and databases take " +
        "turns. Reads by key do not wait. Default: `pool.per_node` for every data node.",
    ),
  queue: z
    .int()
    .min(0)
    .default(10_000)
    .describe("Most statements that wait to run; more are refused with SQLSTATE 53300."),
  wait_seconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(30)
    .describe("Longest time that a statement waits to run; then it is refused with SQLSTATE 53300."),
  rules: z
    .array(admissionRule)
    .max(64)
    .default([])
    .describe(
      "Limits for databases and roles, as in `- {user: reports, running: 4}`: the first rule that fits applies, besides `admission.running`.",
    ),
});

const server = z.strictObject({
  shared_buffers: memorySize
    .default("128MB")
    .describe("PostgreSQL's `shared_buffers` of each data node; catalog and compute nodes take half of it."),
  max_connections: z
    .int()
    .min(20)
    .max(10_000)
    .default(200)
    .describe("PostgreSQL's `max_connections` of each server; `max_prepared_transactions` is the same."),
  fsync: z
    .boolean()
    .default(true)
    .describe(
      "Off: a crash of the machine may destroy the data. For tests only. Compute nodes are always off.",
    ),
  synchronous_commit: z
    .enum(["on", "off", "local", "remote_write", "remote_apply"])
    .default("on")
    .describe("PostgreSQL's `synchronous_commit` of catalog and data nodes."),
  settings: z
    .record(z.string().regex(/^[A-Za-z_][\w.]*$/), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe(
      "Further settings of PostgreSQL for every server, as in `work_mem: 64MB`. They win over Pleiad's own choices, one of which is that " +
        "a statement's text is not logged with its error: `log_min_error_statement: error` changes that.",
    ),
});

const log = z.strictObject({
  level: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe(
      "Least severe message that is written. The supervisor itself keeps the one it was started with.",
    )
    .meta(live),
  format: z
    .enum(["text", "json"])
    .default("text")
    .describe("One line of text, or one JSON object, per message.")
    .meta(live),
});

export const configSchema = z.strictObject({
  data: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Directory that holds everything of this cluster. Default: `/var/lib/pleiad` for root, else `~/.local/share/pleiad`.",
    ),
  join: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Data directory of a running cluster on this host: this coordinator uses its servers and starts none of its own. Each " +
        "coordinator has a data directory, a port and a pool of its own; `pool.per_node` of all must fit into `server.max_connections`.",
    ),
  host: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("Address on which clients connect; `0.0.0.0` or `::` for all."),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .default(5432)
    .describe(
      "Port on which clients connect. When it is not set and 5432 is busy, the next free one is taken; 0 takes any free port.",
    ),
  data_nodes: nodeCount
    .default(2)
    .describe("Number of data nodes. Fixed when the data directory is created."),
  compute_nodes: nodeCount
    .default(1)
    .describe("Number of compute nodes. Fixed when the data directory is created."),
  shards: z
    .int()
    .min(1)
    .max(1024)
    .default(16)
    .describe("Shards of a hash-distributed table that does not say SHARDS itself.")
    .meta(live),
  pg_bin: z
    .string()
    .optional()
    .describe(
      "Directory with `initdb` and `postgres` of a PostgreSQL 15 to 18. Default: the PostgreSQL 18 that npm installed.",
    ),
  locale: z
    .string()
    .regex(/^((builtin|libc|icu):)?[\w.@-]+$/, "is a locale's name, or builtin:NAME, libc:NAME, icu:NAME")
    .optional()
    .describe(
      "Locale of all servers, used when they are created: `builtin:NAME`, `icu:NAME`, or `libc:NAME` (or just NAME). Default: " +
        "`builtin:C.UTF-8` (PostgreSQL 15 and 16: `libc:C.UTF-8`).",
    ),
  run_as: z
    .string()
    .optional()
    .describe(
      "Operating-system user of the servers when Pleiad is started by root, since PostgreSQL refuses root. Default: the first of " +
        "`postgres` and `nobody` that exists.",
    ),
  session_workers: z
    .int()
    .min(1)
    .max(32)
    .optional()
    .describe(
      "Processes that serve clients' sessions, whatever the number of clients; one more stands by. Default: one for every two cores, " +
        "at most 32, and no more than half of `pool.per_node`.",
    )
    .meta(live),
  executors: z
    .int()
    .min(0)
    .max(8)
    .optional()
    .describe(
      "Processes that move rows for statements over several nodes and run them. 0: session workers do that themselves. Default: one for " +
        "every four cores, at least one, at most 8, and none if `pool.per_node` is below 8.",
    )
    .meta(live),
  shared_memory: z
    .int()
    .min(16)
    .default(256)
    .describe(
      "Megabytes that the coordinator's processes may share: sessions' settings and prepared statements, definitions, plans. Taken as needed.",
    ),
  max_client_connections: z
    .int()
    .min(1)
    .default(2000)
    .describe("More clients than this are refused with SQLSTATE 53300."),
  lift_literals: z
    .enum(["auto", "always", "never"])
    .default("auto")
    .describe(
      "Statements of the simple protocol that differ only in literals share one plan and run as one prepared statement: from the " +
        "second of a shape on (`auto`), from the first (`always`), or not at all (`never`).",
    )
    .meta(live),
  authentication: z
    .array(authenticationRule)
    .default([
      { database: "all", user: "all", address: "127.0.0.1/32", method: "trust" },
      { database: "all", user: "all", address: "::1/128", method: "trust" },
      { database: "all", user: "all", address: "all", method: "scram-sha-256" },
    ])
    .describe(
      "Who may log in from where and how: the first rule that fits decides; when none fits the client is refused.",
    )
    .meta(live),
  tls: tls.prefault({}).describe("Encryption of client connections."),
  pool: pool.prefault({}).describe("Connections from the coordinator to the servers."),
  admission: admission.prefault({}).describe("How many statements run at once, and who waits."),
  server: server
    .prefault({})
    .describe("Settings of the PostgreSQL servers. They take effect at the next start."),
  log: log
    .prefault({})
    .describe(
      "The coordinator's log, `logs/coordinator.log` in the data directory: up to 10 MB and three old files. Servers' logs are beside it: up " +
        "to 20 MB and what is written in a second, and three old files of 20 MB.",
    ),
});

/** A valid configuration with all defaults filled in; `data` is an absolute path. */
export type PleiadConfig = z.output<typeof configSchema> & { readonly data: string };

/** What the schema cannot say of one key alone. Each problem names its key. */
export function crossCheck(config: z.output<typeof configSchema>): string[] {
  const problems: string[] = [];
  if ((config.tls.certificate === undefined) !== (config.tls.key === undefined)) {
    problems.push("tls.certificate and tls.key belong together: set both or neither");
  }
  // Ten are left for maintenance, autovacuum's launcher and an operator's psql.
  if (config.pool.per_node > config.server.max_connections - 10) {
    problems.push(
      `pool.per_node (${config.pool.per_node}) must leave 10 of server.max_connections (${config.server.max_connections}) free`,
    );
  }
  return problems;
}

/** Moves one table's rows from its nodes to a temporary table, as COPY data that nobody reads on the way. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { CopyRelay } from "../backend/copy-relay.ts";
import { gatePass } from "../catalog/install-gate.ts";
import type { Column } from "../catalog/snapshot.ts";
import type { ShippedTable } from "../plan/plan.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../sql/quote.ts";
import { inlineParameters } from "./inline-parameters.ts";
import type { SnapshotPart, Run, WorkplaceContext } from "./run.ts";
import type { ShipSources } from "./ship-sources.ts";

export interface Shipped {
  readonly table: ShippedTable;
  readonly rows: number;
  readonly bytes: number;
  /** What ran on the nodes. */
  readonly sql: string;
  readonly nodes: readonly string[];
}

/** The fragment that gives the table's needed rows and columns. */
export function fragmentSql(table: ShippedTable, run: Run): string {
  const columns = table.columns.map((column) => quoteIdentifier(column.name)).join(", ");
  const filter = table.filter === undefined ? undefined : inlineParameters(table.filter, run);
  const from = quoteQualified(table.relation.schema, table.relation.name);
  const lock = table.lock === undefined ? "" : ` ${table.lock}`;
  return `SELECT ${columns} FROM ${from}${filter === undefined ? "" : ` WHERE ${filter}`}${lock}`;
}

/** The fragment as it is sent on one connection: through the gate where the client's role may not read the table. */
function sqlThere(
  context: WorkplaceContext,
  sources: ShipSources,
  source: BackendConnection,
  table: ShippedTable,
  sql: string,
): string {
  if (!table.hidden || !sources.readsAsClient(source)) return sql;
  const columns = table.columns.map((column) => `${quoteIdentifier(column.name)} ${column.typeName}`);
  return throughGate(context, source, sql, columns);
}

/** A query as Pleiad's own role on a client's connection; `columns`: names and types of its result. */
export function throughGate(
  { gateSecrets }: WorkplaceContext,
  { server, processId }: BackendConnection,
  sql: string,
  columns: readonly string[],
): string {
  const pass = gatePass(gateSecrets.get(server.name) ?? "", processId, sql);
  return `SELECT * FROM pleiad.gate_read(${quoteLiteral(sql)}, '${pass}') AS t (${columns.join(", ")})`;
}

/** The binary form of these kinds of user types holds no OID of the server that wrote it. */
const PORTABLE_KINDS: ReadonlySet<string> = new Set(["enum", "base"]);

export function binaryIsPortable(column: Column, snapshot: SnapshotPart): boolean {
  if (!column.userType) return true;
  const type = snapshot.userTypes.get(column.typeOid);
  return type !== undefined && PORTABLE_KINDS.has(type.kind);
}

export async function shipTable(
  context: WorkplaceContext,
  sources: ShipSources,
  target: BackendConnection,
  table: ShippedTable,
  run: Run,
): Promise<Shipped> {
  const connections = sources.of(table);
  const sql = fragmentSql(table, run);
  const nodes = connections.map(({ server }) => server.name);
  if (connections.length === 0) return { table, rows: 0, bytes: 0, sql, nodes };
  const snapshot = context.snapshot();
  const binary = table.columns.every((column) => binaryIsPortable(column, snapshot));
  const columns = table.columns.map((column) => quoteIdentifier(column.name)).join(", ");
  const options = binary ? " (FORMAT binary)" : "";
  const targetOptions = binary ? " (FORMAT binary, FREEZE)" : " (FREEZE)";
  const relay = (from: readonly BackendConnection[]): CopyRelay =>
    new CopyRelay(
      from,
      (source) => `COPY (${sqlThere(context, sources, source, table, sql)}) TO STDOUT${options}`,
      target,
      `COPY ${quoteQualified("pg_temp", table.temporaryName)} (${columns}) FROM STDIN${targetOptions}`,
      binary,
    );
  // Rows are locked on one node after the other, as by statements that write: see runInTurn().
  const relays =
    table.lock === undefined
      ? [relay(connections)]
      : connections
          .toSorted((a, b) => (a.server.name < b.server.name ? -1 : 1))
          .map((connection) => relay([connection]));
  let rows = 0;
  let bytes = 0;
  for (const one of relays) {
    rows += await one.run();
    bytes += one.bytes;
  }
  return { table, rows, bytes, sql, nodes };
}

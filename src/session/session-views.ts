/**
 * pg_prepared_statements and pg_cursors are the session's, not those of a connection to the catalog node, and the views of the schema
 * pleiad are the coordinator's: in a statement that names them, the rows stand in the place of the name.
 */
import { COUNTERS } from "../shared-memory/process-counters.ts";
import { parseStatements } from "../sql/parse.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { applySplices } from "../sql/splice.ts";
import type { ParsedStatement, Splice } from "../sql/statement.ts";
import { nextToken, tokenName } from "../sql/tokens.ts";
import { walk } from "../sql/walk.ts";
import { coordinatorRows } from "./coordinator-view.ts";
import {
  activityRows,
  processRows,
  sharedMemoryRows,
  statisticsRows,
  taskRows,
  type ViewRow,
} from "./node-views.ts";
import type { Session } from "./session.ts";
import { visibleRoles } from "./visible-roles.ts";

interface SessionView {
  /** Has to be written before the name, unless it is pg_catalog. */
  readonly schema: "pg_catalog" | "pleiad";
  /** Types by name. */
  readonly columns: Readonly<Record<string, string>>;
  /** Values in the order of the columns. */
  readonly rows: (session: Session) => Promise<ViewRow[]> | ViewRow[];
}

const VIEWS: Readonly<Record<string, SessionView>> = {
  processes: {
    schema: "pleiad",
    columns: {
      kind: "text",
      pid: "int4",
      state: "text",
      restarts: "int4",
      sessions: "int4",
      load: "float4",
    },
    rows: ({ host }) => processRows(host.memory),
  },
  activity: {
    schema: "pleiad",
    columns: {
      pid: "int4",
      usename: "text",
      datname: "text",
      application_name: "text",
      process: "int4",
      backend_start: "timestamptz",
      xact_start: "timestamptz",
      query_start: "timestamptz",
      state_change: "timestamptz",
      wait_event_type: "text",
      wait_event: "text",
      state: "text",
      phase: "text",
      rows: "int8",
      query: "text",
    },
    rows: async ({ host, transaction }) =>
      activityRows(host.memory, host.kept, await visibleRoles(transaction)),
  },
  tasks: {
    schema: "pleiad",
    columns: {
      kind: "text",
      process: "int4",
      pid: "int4",
      usename: "text",
      datname: "text",
      state: "text",
      since: "timestamptz",
      detail: "text",
    },
    rows: async ({ host, transaction }) => taskRows(host.memory, host.kept, await visibleRoles(transaction)),
  },
  shared_memory: {
    schema: "pleiad",
    columns: { kind: "text", name: "text", bytes: "int8", entries: "int8", used: "int8" },
    rows: ({ host }) => sharedMemoryRows(host.memory, host.store),
  },
  statistics: {
    schema: "pleiad",
    columns: {
      kind: "text",
      process: "int4",
      ...Object.fromEntries(COUNTERS.map((name) => [name, "int8"])),
    },
    rows: ({ host }) => statisticsRows(host.memory),
  },
  coordinators: {
    schema: "pleiad",
    columns: { epoch: "int4", address: "text", started: "timestamptz", self: "bool" },
    rows: ({ host }) => coordinatorRows(host),
  },
  pg_prepared_statements: {
    schema: "pg_catalog",
    columns: {
      name: "text",
      statement: "text",
      prepare_time: "timestamptz",
      parameter_types: "regtype[]",
      result_types: "regtype[]",
      from_sql: "bool",
      generic_plans: "int8",
      custom_plans: "int8",
    },
    rows: ({ prepared }) =>
      [...prepared.values()]
        .filter(({ name }) => name !== "")
        .map(({ name, text, source, preparedAt, parameterTypes, planned, fromSql }) => {
          const results = planned?.description?.fields?.map(({ typeOid }) => typeOid);
          const statement = (source ?? text).toString();
          return [name, statement, preparedAt.toISOString(), parameterTypes, results, fromSql, 0, 0];
        }),
  },
  pg_cursors: {
    schema: "pg_catalog",
    columns: {
      name: "text",
      statement: "text",
      is_holdable: "bool",
      is_binary: "bool",
      is_scrollable: "bool",
      creation_time: "timestamptz",
    },
    rows: ({ cursors }) =>
      Promise.all(
        cursors.all().map(async ({ name, statement, holdable, binary, createdAt, lease }) => {
          // Whether it can go back depends on its plan.
          const [row] = await lease.connection.query(
            `SELECT is_scrollable FROM pg_catalog.pg_cursors WHERE name = ${quoteLiteral(name)}`,
          );
          return [name, statement, holdable, binary, row?.[0] === "t", createdAt.toISOString()];
        }),
      ),
  },
};

const NAMES = /pg_cursors|pg_prepared_statements|pleiad/i;
/** The statement itself when it names no such view. */
export async function withSessionViews(
  session: Session,
  statement: ParsedStatement,
): Promise<ParsedStatement> {
  if (!NAMES.test(statement.text.toString("latin1"))) return statement;
  const found: { readonly name: string; readonly start: number; readonly alias: boolean }[] = [];
  walk(statement.tree, (type, fields) => {
    if (type !== "RangeVar") return;
    const { schemaname, relname, location, alias } = fields as {
      schemaname?: string;
      relname?: string;
      location?: number;
      alias?: object;
    };
    if (relname === undefined || !Object.hasOwn(VIEWS, relname)) return;
    if ((schemaname ?? "pg_catalog") !== VIEWS[relname]!.schema) return;
    found.push({ name: relname, start: location ?? 0, alias: alias !== undefined });
  });
  if (found.length === 0) return statement;
  const splices: Splice[] = [];
  for (const { name, start, alias } of found) {
    let token = nextToken(statement.text, start)!;
    while (tokenName(statement.text, token) !== name) token = nextToken(statement.text, token.end)!;
    const { columns, rows } = VIEWS[name]!;
    const source = asRecords(columns, await rows(session));
    const text = `(SELECT * FROM ${source})${alias ? "" : ` AS ${name}`}`;
    splices.push({ start, end: token.end, text });
  }
  const text = applySplices(statement.text, splices);
  const [spliced] = parseStatements(text.toString());
  return { ...spliced!, offset: statement.offset, charactersBefore: statement.charactersBefore };
}

/** One literal, so that ten thousand rows are not hundreds of thousands of nodes to the parser. */
function asRecords(columns: SessionView["columns"], rows: readonly ViewRow[]): string {
  const names = Object.keys(columns);
  const records = rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
  const definitions = Object.entries(columns).map(([name, type]) => `${name} pg_catalog.${type}`);
  const json = quoteLiteral(JSON.stringify(records));
  return `pg_catalog.json_to_recordset(${json}::pg_catalog.json) AS v (${definitions.join(", ")})`;
}

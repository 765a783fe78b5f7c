/**
 * pg_prepared_statements and pg_cursors are the session's, not those of a connection to the catalog node, and the views of the schema
 * pleiad are the coordinator's: in a statement that names them, the rows stand in the place of the name.
 */
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
  STATISTICS_COLUMNS,
  statisticsRows,
  taskRows,
} from "./node-views.ts";
import type { Session } from "./session.ts";
import { visibleRoles } from "./visible-roles.ts";

/** SQL expressions, one for each column. */
type SqlRow = readonly string[];

interface SessionView {
  /** Has to be written before the name, unless it is pg_catalog. */
  readonly schema: "pg_catalog" | "pleiad";
  readonly columns: string;
  readonly rows: (session: Session) => Promise<SqlRow[]> | SqlRow[];
}

const oids = (list: readonly number[]): string => `'{${list.join(",")}}'::oid[]::regtype[]`;
const time = (date: Date): string => `${quoteLiteral(date.toISOString())}::timestamptz`;

const VIEWS: Readonly<Record<string, SessionView>> = {
  processes: {
    schema: "pleiad",
    columns: "kind, pid, state, restarts, sessions",
    rows: ({ host }) => processRows(host.memory),
  },
  activity: {
    schema: "pleiad",
    columns:
      "pid, usename, datname, application_name, process, backend_start, xact_start, query_start, state_change, wait_event_type, wait_event, state, phase, rows, query",
    rows: async ({ host, transaction }) =>
      activityRows(host.memory, host.kept, await visibleRoles(transaction)),
  },
  tasks: {
    schema: "pleiad",
    columns: "kind, process, pid, usename, datname, state, since, detail",
    rows: async ({ host, transaction }) => taskRows(host.memory, host.kept, await visibleRoles(transaction)),
  },
  shared_memory: {
    schema: "pleiad",
    columns: "kind, name, bytes, entries, used",
    rows: ({ host }) => sharedMemoryRows(host.memory, host.store),
  },
  statistics: {
    schema: "pleiad",
    columns: STATISTICS_COLUMNS,
    rows: ({ host }) => statisticsRows(host.memory),
  },
  coordinators: {
    schema: "pleiad",
    columns: "epoch, address, started, self",
    rows: ({ host }) => coordinatorRows(host),
  },
  pg_prepared_statements: {
    schema: "pg_catalog",
    columns:
      "name, statement, prepare_time, parameter_types, result_types, from_sql, generic_plans, custom_plans",
    rows: ({ prepared }) =>
      [...prepared.values()]
        .filter(({ name }) => name !== "")
        .map(({ name, text, source, preparedAt, parameterTypes, planned, fromSql }) => {
          const fields = planned?.description?.fields;
          const results = fields === undefined ? "NULL::regtype[]" : oids(fields.map((f) => f.typeOid));
          const statement = quoteLiteral((source ?? text).toString());
          return [
            `${quoteLiteral(name)}::text`,
            `${statement}::text`,
            time(preparedAt),
            oids(parameterTypes),
            results,
            String(fromSql),
            "0::int8",
            "0::int8",
          ];
        }),
  },
  pg_cursors: {
    schema: "pg_catalog",
    columns: "name, statement, is_holdable, is_binary, is_scrollable, creation_time",
    rows: ({ cursors }) =>
      Promise.all(
        cursors.all().map(async ({ name, statement, holdable, binary, createdAt, lease }) => {
          // Whether it can go back depends on its plan.
          const [row] = await lease.connection.query(
            `SELECT is_scrollable FROM pg_catalog.pg_cursors WHERE name = ${quoteLiteral(name)}`,
          );
          const scrollable = row?.[0] === "t";
          return [
            `${quoteLiteral(name)}::text`,
            `${quoteLiteral(statement)}::text`,
            String(holdable),
            String(binary),
            String(scrollable),
            time(createdAt),
          ];
        }),
      ),
  },
};

const NAMES = /pg_cursors|pg_prepared_statements|pleiad/i;
/** Types of the columns for a view without rows. */
const EMPTY: Readonly<Record<string, string>> = {
  pg_prepared_statements:
    "NULL::text, NULL::text, NULL::timestamptz, NULL::regtype[], NULL::regtype[], NULL::bool, NULL::int8, NULL::int8",
  pg_cursors: "NULL::text, NULL::text, NULL::bool, NULL::bool, NULL::bool, NULL::timestamptz",
};

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
    const values = (await rows(session)).map((row) => `(${row.join(", ")})`);
    const source = values.length > 0 ? `VALUES ${values.join(", ")}` : `SELECT ${EMPTY[name]!} WHERE false`;
    const text = `(SELECT * FROM (${source}) AS v (${columns}))${alias ? "" : ` AS ${name}`}`;
    splices.push({ start, end: token.end, text });
  }
  const text = applySplices(statement.text, splices);
  const [spliced] = parseStatements(text.toString());
  return { ...spliced!, offset: statement.offset, charactersBefore: statement.charactersBefore };
}

/**
 * currval() and lastval() of the session. Alone, they run on the session's own connection to the catalog node, with what was
 * drawn elsewhere for the session as a second argument; in a statement with tables, which runs over other connections, their
 * values stand in their places.
 */
import type { FuncCall, InsertStmt, Node } from "@pgsql/types";
import { refusal } from "../errors/refusal.ts";
import { findRelation } from "../catalog/snapshot.ts";
import { discardStale, lastValuesOf, noteLost, type LastValues } from "../execute/write/last-values.ts";
import { sequenceOf } from "../execute/write/draw-defaults.ts";
import { parseStatements } from "../sql/parse.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { applySplices } from "../sql/splice.ts";
import type { ParsedStatement, Splice } from "../sql/statement.ts";
import { names, walk } from "../sql/walk.ts";
import { preludeDone } from "../transaction/lease.ts";
import { callRange } from "./call-range.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import type { Session } from "./session.ts";
import { listenOn } from "./statements/notify.ts";

const NAMES = /\b(?:currval|lastval)\b/i;
/** What this file has put into a text. */
const ANSWERED = /\bpleiad\.(?:currval|lastval)\(/;

/** A cheap test before the tree is looked at. */
export function mentionsLastValues({ text }: ParsedStatement): boolean {
  const written = text.toString("latin1");
  return NAMES.test(written) && !ANSWERED.test(written);
}

interface Call {
  readonly name: "currval" | "lastval";
  readonly start: number;
  readonly end: number;
  readonly argument: string;
  /** Columns, parameters or queries stand in the argument. */
  readonly varies: boolean;
  /** It gives an output column its name. */
  readonly namesColumn: boolean;
}

/** For a statement without tables; the statement itself when nothing was drawn elsewhere. */
export function withValuesDrawn(session: Session, statement: ParsedStatement): ParsedStatement {
  const known = lastValuesOf(session.transaction);
  if (known.last === undefined && !known.lost) return statement;
  const drawn = drawnSql(known);
  const splices = findCalls(statement).calls.map(({ name, start, end, argument }) => ({
    start,
    end,
    text: `pleiad.${name}(${argument === "" ? "" : `${argument}, `}${drawn})`,
  }));
  return spliced(statement, splices);
}

/** For a statement that reads or writes tables; the statement itself when it has no such call. */
export async function withLastValues(session: Session, statement: ParsedStatement): Promise<ParsedStatement> {
  const { calls, draws } = findCalls(statement);
  if (calls.length === 0) return statement;
  const { transaction } = session;
  const own = await sequencesOfTarget(session, statement);
  if (draws || calls.some((c) => c.varies || (c.name === "lastval" && own.length > 0)))
    throw refusal("last-value-beside-tables");
  const connection = await transaction.pin("catalog");
  listenOn(session, connection);
  await discardStale(transaction, connection);
  const json = drawnSql(lastValuesOf(transaction));
  const list = calls.map(({ name, argument }) =>
    name === "lastval"
      ? `pleiad.lastval(${json}), false`
      : `pleiad.currval(${argument}, ${json}), (${argument})::pg_catalog.regclass::pg_catalog.oid = ANY (ARRAY[${own.join(", ")}]::pg_catalog.oid[])`,
  );
  const lease = await transaction.lease("catalog", false);
  try {
    await preludeDone(lease);
    const [row] = await lease.connection.query(`SELECT ${list.join(", ")}`);
    const splices = calls.map(({ name, start, end, namesColumn }, i): Splice => {
      if (row![2 * i + 1] === "t") throw refusal("last-value-beside-tables");
      const value = `(${quoteLiteral(row![2 * i]!)}::pg_catalog.int8)`;
      return { start, end, text: namesColumn ? `${value} AS ${name}` : value };
    });
    return spliced(statement, splices);
  } finally {
    lease.release();
  }
}

/** What pleiad.currval() and pleiad.lastval() are told. */
function drawnSql(known: LastValues): string {
  const { message, detail, hint } = refusal("last-value-of-insert").fields;
  const refused = known.lost ? { refusal: { message, detail, hint } } : {};
  return quoteLiteral(JSON.stringify({ values: known.values, last: known.last, ...refused }));
}

function spliced(statement: ParsedStatement, splices: readonly Splice[]): ParsedStatement {
  if (splices.length === 0) return statement;
  const [parsed] = parseStatements(applySplices(statement.text, splices).toString());
  return { ...parsed!, offset: statement.offset, charactersBefore: statement.charactersBefore };
}

/** `draws`: the statement itself changes what the calls are about. */
function findCalls({ text, tree }: ParsedStatement): {
  readonly calls: readonly Call[];
  readonly draws: boolean;
} {
  const naming = new Set<unknown>();
  const calls: Call[] = [];
  let draws = false;
  walk(tree, (type, fields) => {
    const { name: alias, val } = fields as { name?: string; val?: { FuncCall?: unknown } };
    if (type === "ResTarget" && alias === undefined) naming.add(val?.FuncCall);
    if (type !== "FuncCall") return;
    const call = fields as FuncCall;
    const path = names(call.funcname) ?? [];
    const name = path.at(-1) ?? "";
    if (path.length > 1 && path[0] !== "pg_catalog") return;
    if (name === "nextval" || name === "setval") draws = true;
    if (name !== "currval" && name !== "lastval") return;
    const range = callRange(text, call.location ?? 0);
    if (range === undefined) return;
    calls.push({
      name,
      start: call.location ?? 0,
      end: range.end,
      argument: text.toString("utf8", range.start, range.end - 1).trim(),
      varies: varies(call.args),
      namesColumn: naming.has(fields),
    });
  });
  return { calls, draws };
}

function varies(args: readonly Node[] | undefined): boolean {
  let found = false;
  walk(args, (type) => {
    if (type === "ColumnRef" || type === "ParamRef" || type === "SubLink") found = true;
    return !found;
  });
  return found;
}

/** SQL for the OIDs of the sequences that the statement may draw from for defaults of the table that it writes. */
async function sequencesOfTarget(session: Session, { tree }: ParsedStatement): Promise<readonly string[]> {
  const [type, fields] = Object.entries(tree)[0] as [string, Pick<InsertStmt, "relation" | "cols">];
  const { relation, cols } = fields;
  if (relation === undefined) return [];
  let asked = false;
  walk(tree, (inner) => {
    if (inner === "SetToDefault") asked = true;
  });
  if (!asked && type !== "InsertStmt" && type !== "MergeStmt") return [];
  const given = asked ? [] : (cols ?? []).map((node) => ("ResTarget" in node ? node.ResTarget.name : ""));
  const path = await session.view.searchPath();
  const table = findRelation(session.view.snapshot(), path, relation.schemaname, relation.relname ?? "");
  return (table?.columns ?? []).flatMap((column) => {
    const sequence = given.includes(column.name) ? undefined : sequenceOf(column);
    return sequence === undefined ? [] : [`${sequence}::pg_catalog.oid`];
  });
}

const DRAWS = /\b(?:nextval|setval)\b/i;

/** A statement that draws numbers beside tables does so over another connection than the session's own. */
export function noteDrawing({ transaction }: Session, { plan }: PlannedStatement): void {
  if (plan === undefined || plan.kind === "catalog") return;
  if (plan.kind === "read" ? plan.direct : plan.command !== "WITH" && plan.reads.direct) return;
  if (DRAWS.test(plan.statement.text.toString("latin1"))) noteLost(transaction);
}

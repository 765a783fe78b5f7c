/**
 * Sizes of relations, databases and tablespaces: the catalog node has shells only, so the sizes that the data nodes tell stand in the
 * place of a call of pg_table_size() and its family, added up over nodes and shards. What lives on the catalog node (sequences,
 * system catalogs) has its own size.
 */
import type { FuncCall } from "@pgsql/types";
import { parseStatements } from "../sql/parse.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { applySplices } from "../sql/splice.ts";
import type { ParsedStatement, Splice } from "../sql/statement.ts";
import { names, walk } from "../sql/walk.ts";
import { callRange } from "./call-range.ts";
import type { Session } from "./session.ts";

const RELATION_FUNCTIONS = [
  "pg_relation_size",
  "pg_table_size",
  "pg_indexes_size",
  "pg_total_relation_size",
] as const;
const FUNCTIONS: readonly string[] = [...RELATION_FUNCTIONS, "pg_database_size", "pg_tablespace_size"];
const NAMES = new RegExp(FUNCTIONS.join("|"), "i");

const FOUR_SIZES = RELATION_FUNCTIONS.map((name) => `sum(pg_catalog.${name}(c.oid))`).join(", ");
/** A shard's schema is its table's with #n behind. A table's TOAST goes by the table's name. */
const ON_DATA_NODE = `
SELECT regexp_replace(n.nspname, '#[0-9]+$', '') || chr(1) || COALESCE(o.relname || chr(1) || 't', c.relname), ${FOUR_SIZES}
FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_class o ON o.reltoastrelid = c.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = COALESCE(o.relnamespace, c.relnamespace)
WHERE c.relkind IN ('r', 'p', 'i', 'I', 't') AND c.oid >= 16384 AND n.nspname <> 'pg_toast' GROUP BY 1`;
const ON_CATALOG_NODE = `
SELECT c.oid, n.nspname || chr(1) || COALESCE(o.relname || chr(1) || 't', c.relname),
  c.oid < 16384 OR c.relkind NOT IN ('r', 'p', 'm', 'i', 'I', 't') OR n.nspname = 'pleiad', ${FOUR_SIZES}
FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_class o ON o.reltoastrelid = c.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = COALESCE(o.relnamespace, c.relnamespace) GROUP BY 1, 2, 3`;
const DATABASES = `
SELECT datname, oid, CASE WHEN pg_catalog.has_database_privilege(oid, 'CONNECT') THEN pg_catalog.pg_database_size(oid) END
FROM pg_catalog.pg_database`;
const TABLESPACES = `
SELECT spcname, oid, CASE WHEN pg_catalog.has_tablespace_privilege(oid, 'CREATE') THEN pg_catalog.pg_tablespace_size(oid) END
FROM pg_catalog.pg_tablespace`;

/** By what a function is asked for: a relation's OID; name or OID of a database or tablespace. */
type Sizes = Record<string, string | null>;

interface Call {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly argument: string;
  /** It gives an output column its name. */
  readonly namesColumn: boolean;
}

/** The statement itself when it asks for no sizes, or in a form that stays refused. */
export async function withSizes(session: Session, statement: ParsedStatement): Promise<ParsedStatement> {
  if (!NAMES.test(statement.text.toString("latin1"))) return statement;
  const calls = findCalls(statement);
  if (calls.length === 0) return statement;
  const known = new Map<string, Sizes>();
  for (const { name } of calls) if (!known.has(name)) known.set(name, await sizesFor(session, name));
  const splices = calls.map(({ name, start, end, argument, namesColumn }): Splice => {
    const isRelation = !/database|tablespace/.test(name);
    const key = `((${argument})${isRelation ? "::pg_catalog.regclass::pg_catalog.oid" : ""})::pg_catalog.text`;
    const json = `${quoteLiteral(JSON.stringify(known.get(name)))}::pg_catalog.jsonb`;
    const size = `(pg_catalog.jsonb_extract_path_text(${json}, ${key}))::pg_catalog.int8`;
    return { start, end, text: `(${size})${namesColumn ? ` AS ${name}` : ""}` };
  });
  const [spliced] = parseStatements(applySplices(statement.text, splices).toString());
  return { ...spliced!, offset: statement.offset, charactersBefore: statement.charactersBefore };
}

function findCalls({ text, tree }: ParsedStatement): Call[] {
  const inFrom = new Set<unknown>();
  const naming = new Set<unknown>();
  const calls: Call[] = [];
  walk(tree, (type, fields) => {
    if (type === "RangeFunction")
      walk(fields, (inner, call) => {
        if (inner === "FuncCall") inFrom.add(call);
        return inner !== "FuncCall";
      });
    const { name: alias, val } = fields as { name?: string; val?: { FuncCall?: unknown } };
    if (type === "ResTarget" && alias === undefined) naming.add(val?.FuncCall);
    if (type !== "FuncCall") return;
    const call = fields as FuncCall;
    const path = names(call.funcname) ?? [];
    const name = path.at(-1) ?? "";
    if (!FUNCTIONS.includes(name) || (path.length > 1 && path[0] !== "pg_catalog") || inFrom.has(fields))
      return;
    const range = callRange(text, call.location ?? 0);
    if (range === undefined || !asksForAll(name, call)) return;
    const argument = text.toString("utf8", range.start, range.firstEnd);
    calls.push({
      name,
      start: call.location ?? 0,
      end: range.end,
      argument,
      namesColumn: naming.has(fields),
    });
    return false;
  });
  return calls;
}

/** One argument, or pg_relation_size(…, 'main'). */
function asksForAll(name: string, { args }: FuncCall): boolean {
  if (args?.length === 1) return true;
  const fork = args?.[1];
  if (name !== "pg_relation_size" || args?.length !== 2 || fork === undefined) return false;
  return "A_Const" in fork && fork.A_Const.sval?.sval === "main";
}

async function sizesFor(session: Session, name: string): Promise<Sizes> {
  const { dataNodes } = await session.view.loadSnapshot();
  const relation = (RELATION_FUNCTIONS as readonly string[]).indexOf(name);
  if (relation < 0)
    return byNameAndOid(session, name === "pg_database_size" ? DATABASES : TABLESPACES, dataNodes);
  const sums = new Map<string, bigint>();
  for (const node of dataNodes)
    for (const row of await ask(session, node, ON_DATA_NODE))
      sums.set(row[0]!, (sums.get(row[0]!) ?? 0n) + BigInt(row[1 + relation] ?? 0));
  const sizes: Sizes = {};
  for (const [oid, key, own, ...local] of await ask(session, "catalog", ON_CATALOG_NODE))
    sizes[oid!] = own === "t" ? local[relation]! : (sums.get(key!)?.toString() ?? null);
  return sizes;
}

async function byNameAndOid(session: Session, sql: string, dataNodes: readonly string[]): Promise<Sizes> {
  const sums = new Map<string, bigint | null>();
  for (const node of dataNodes)
    for (const [name, , size] of await ask(session, node, sql)) {
      const before = sums.get(name!);
      sums.set(name!, size === null || before === null ? null : (before ?? 0n) + BigInt(size!));
    }
  const sizes: Sizes = {};
  for (const [name, oid] of await ask(session, "catalog", sql))
    sizes[name!] = sizes[oid!] = sums.get(name!)?.toString() ?? null;
  return sizes;
}

async function ask(
  { transaction }: Session,
  node: string,
  sql: string,
): Promise<readonly (readonly (string | null)[])[]> {
  const lease = await transaction.lease(node, false);
  try {
    const rows = await lease.connection.query(sql);
    if (lease.preludeError !== undefined) throw lease.preludeError;
    return rows;
  } finally {
    lease.release();
  }
}

/**
 * Level 5: what each table ships, under which name, and how the statement's text names it there. Right for every statement
 * that PostgreSQL accepts: nothing of the text is understood beyond where the names of relations stand.
 */
import type { Column, Relation, Snapshot } from "../catalog/snapshot.ts";
import { refusal } from "../errors/refusal.ts";
import type { PgError } from "../errors/pg-error.ts";
import { quoteQualified } from "../sql/quote.ts";
import type { Splice } from "../sql/statement.ts";
import { names } from "../sql/walk.ts";
import { isCorrelated } from "./correlated.ts";
import { hasChildren } from "./inheritance.ts";
import { groupedPrimaryKey, neededColumns } from "./needed-columns.ts";
import type { GeneralPlan, ShipFilter, ShippedTable } from "./plan.ts";
import type { Occurrence, QueryTree, Unit } from "./query-tree.ts";
import type { RelevantRows } from "./relevant-rows.ts";
import type { RowLock } from "./row-locks.ts";
import { shardFilter, union } from "./shard-filter.ts";
import { tableoidSplices } from "./system-columns.ts";
import { namePlace, replaceName } from "./table-names.ts";
import { relationsBehindViews } from "./view-reads.ts";
import { hasSchemaHomonyms, schemaSplices, securedBehindView, viewSplices } from "./view-splices.ts";

export interface GeneralRequest {
  readonly snapshot: Snapshot;
  readonly target: "compute" | "catalog";
  readonly readsCatalogs: boolean;
  readonly relevantRows: ReadonlyMap<Occurrence, RelevantRows>;
  /** Tables that functions read: shipped whole, under their own names. */
  readonly readByFunctions: ReadonlySet<Relation>;
  readonly locks: ReadonlyMap<Relation, RowLock>;
  /** Functions are called that compute nodes do not have. */
  readonly rowTypes: boolean;
  /** See PlanContext. */
  readonly hiddenMark: string | undefined;
}

export function planGeneral(tree: QueryTree, request: GeneralRequest): GeneralPlan | PgError {
  for (const [relation, lock] of request.locks)
    if (lock.skipsLocked) return refusal("skip-locked-many-nodes", `Table "${relation.name}".`);
  if (hasSchemaHomonyms(tree)) return refusal("same-names");
  const relations = new Set([...tree.occurrences.map((o) => o.relation), ...request.readByFunctions]);
  const secured = securedBehindView(tree);
  if (secured !== undefined) return refusal("row-security-of-view", `View "${secured.name}".`);
  for (const occurrence of tree.occurrences) {
    if (occurrence.rangeVar.inh !== true && hasChildren(request.snapshot, occurrence.relation)) {
      return refusal("inherits", `Table "${occurrence.relation.name}".`);
    }
  }
  const onCatalog = request.target === "catalog" || needsRowTypes(relations, request.snapshot);
  // There a table that stands in for another would be found by what looks into the catalogs.
  if (onCatalog && request.readByFunctions.size > 0) return refusal("function-reads-many-nodes");
  const target = onCatalog || request.rowTypes ? "catalog" : "compute";
  const hidden = hiddenRelations(tree, request);
  const marks = new Map([...hidden].map((relation) => [relation, request.hiddenMark!] as const));
  const temporaryNames = chooseNames(tree, relations, request.readByFunctions, target, marks);
  const tables = [...relations].map((relation) =>
    shippedTable(tree, relation, temporaryNames.get(relation)!, hidden.has(relation), request),
  );
  const splices = textSplices(tree, tree.unit, temporaryNames);
  const { readsCatalogs } = request;
  return { target, readsCatalogs, tables, splices, correlated: isCorrelated(tree) };
}

/** Row security decides by the role that reads, so its tables are read by the client's; those that functions read it may read itself. */
function hiddenRelations(tree: QueryTree, { hiddenMark, readByFunctions }: GeneralRequest): Set<Relation> {
  if (hiddenMark === undefined) return new Set();
  return new Set(
    [...relationsBehindViews(tree)].filter(
      (relation) => !relation.rowSecurity && !readByFunctions.has(relation),
    ),
  );
}

/** The tables that a DO block or procedure reads, whole and under their own names. */
export function planWorkplace(
  relations: ReadonlySet<Relation>,
  rowTypes: boolean,
  snapshot: Snapshot,
): GeneralPlan {
  if (needsRowTypes(relations, snapshot)) throw refusal("function-reads-many-nodes");
  const tables = [...relations].map((relation): ShippedTable => ({
    relation,
    columns: relation.columns,
    temporaryName: relation.name,
    filter: undefined,
    shards: { kind: "all" },
    primaryKey: undefined,
    lock: undefined,
    hidden: false,
  }));
  const target = rowTypes ? "catalog" : "compute";
  return { target, readsCatalogs: false, tables, splices: [], correlated: true };
}

/** Row types of tables exist only where the tables do, which is the catalog node among the possible targets. */
function needsRowTypes(relations: ReadonlySet<Relation>, snapshot: Snapshot): boolean {
  for (const relation of relations) {
    for (const column of relation.columns) {
      const type = snapshot.userTypes.get(column.typeOid);
      if (
        type?.kind === "composite" &&
        snapshot.relations.get(`${type.schema}\0${type.name}`)?.kind.endsWith("table") === true
      )
        return true;
    }
  }
  return false;
}

/**
 * A table's own name, unless it is taken by another table, or the name means something else in the text: pg_temp is searched
 * first for types (x::status beside a table called status) and, on the catalog node, by 'orders'::regclass.
 */
function chooseNames(
  tree: QueryTree,
  relations: ReadonlySet<Relation>,
  readByFunctions: ReadonlySet<Relation>,
  target: "compute" | "catalog",
  marks: ReadonlyMap<Relation, string>,
): ReadonlyMap<Relation, string> {
  const taken = new Set<string>();
  for (const { node } of tree.typeNames) taken.add(names(node.names)?.at(-1) ?? "");
  for (const { node } of tree.functionCalls) taken.add(names(node.funcname)?.at(-1) ?? "");
  const result = new Map<Relation, string>();
  for (const relation of readByFunctions) {
    result.set(relation, relation.name);
    taken.add(relation.name);
  }
  for (const relation of relations) {
    if (result.has(relation)) continue;
    const mark = marks.get(relation);
    const own = mark === undefined && target !== "catalog";
    const numbered = (n: number): string =>
      withSuffix(relation.name, mark === undefined ? `${n}` : `${mark}#${n}`);
    let name = own ? relation.name : numbered(1);
    for (let n = own ? 1 : 2; taken.has(name); n++) name = numbered(n);
    taken.add(name);
    result.set(relation, name);
  }
  return result;
}

/** name#suffix, cut so that it fits into 63 bytes without breaking a character. */
function withSuffix(name: string, suffix: string): string {
  let stem = name;
  while (Buffer.byteLength(`${stem}#${suffix}`) > 63) stem = [...stem].slice(0, -1).join("");
  return `${stem}#${suffix}`;
}

function shippedTable(
  tree: QueryTree,
  relation: Relation,
  temporaryName: string,
  hidden: boolean,
  request: GeneralRequest,
): ShippedTable {
  const occurrences = tree.occurrences.filter((o) => o.relation === relation);
  const whole = request.readByFunctions.has(relation);
  const primaryKey = occurrences.map(groupedPrimaryKey).find((key) => key !== undefined);
  const needed = new Set<Column>(
    whole ? relation.columns : occurrences.flatMap((o) => [...neededColumns(tree, o)]),
  );
  for (const column of relation.columns) if (primaryKey?.includes(column.name) === true) needed.add(column);
  if (needed.size === 0 && relation.columns.length > 0) needed.add(narrowest(relation));
  const rows = occurrences.map((o) => request.relevantRows.get(o)!);
  return {
    relation,
    columns: relation.columns.filter((c) => needed.has(c)),
    temporaryName,
    filter: whole ? undefined : shipFilter(rows),
    shards: whole ? { kind: "all" } : union(rows.map((r) => shardFilter(relation, r))),
    primaryKey,
    lock: request.locks.get(relation)?.sql,
    hidden,
  };
}

const narrowTypes = [16, 18, 21, 23, 26, 1082, 700, 20, 701, 1114, 1184, 2950];

/** count(*) needs rows, not values. */
function narrowest(relation: Relation): Column {
  for (const type of narrowTypes) {
    const column = relation.columns.find((c) => c.typeOid === type && c.generated === "");
    if (column !== undefined) return column;
  }
  return relation.columns[0]!;
}

/** A row is shipped when one occurrence wants it. */
function shipFilter(rows: readonly RelevantRows[]): ShipFilter | undefined {
  const wanting = rows.filter((r) => !r.none);
  if (wanting.length === 0) return rows.length === 0 ? undefined : { sql: "false", parameters: [] };
  if (wanting.some((r) => r.filters.length === 0)) return undefined;
  const distinct = [...new Set(wanting.map((r) => r.filters.map((f) => f.sql).join(" AND ")))];
  const sql = distinct.length === 1 ? distinct[0]! : distinct.map((one) => `(${one})`).join(" OR ");
  const parameters = new Set(wanting.flatMap((r) => r.filters.flatMap((f) => f.parameters)));
  return { sql, parameters: [...parameters].toSorted((a, b) => a - b) };
}

function textSplices(tree: QueryTree, unit: Unit, temporaryNames: ReadonlyMap<Relation, string>): Splice[] {
  const splices: Splice[] = [...schemaSplices(tree, unit), ...tableoidSplices(tree, unit)];
  for (const occurrence of tree.occurrences) {
    if (occurrence.block.unit !== unit) continue;
    const name = temporaryNames.get(occurrence.relation)!;
    const place = namePlace(unit, occurrence.block, occurrence.rangeVar);
    const alias =
      occurrence.rangeVar.alias === undefined && name !== occurrence.relation.name
        ? occurrence.relation.name
        : undefined;
    splices.push(...replaceName(place, quoteQualified("pg_temp", name), alias, true));
  }
  splices.push(...viewSplices(tree, unit, (inner) => textSplices(tree, inner, temporaryNames)));
  return splices;
}

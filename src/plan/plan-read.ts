/**
 * Plans a statement that reads: opens what hides in it, finds which rows matter, and says at which levels it can be answered.
 * Pure: the same statement, snapshot and context give the same plan.
 */
import type { FuncCall } from "@pgsql/types";
import type { Relation, Snapshot } from "../catalog/snapshot.ts";
import { pgError, PgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import type { ParsedStatement } from "../sql/statement.ts";
import { buildQueryTree } from "./build-query-tree.ts";
import { findCatalogUse, type CatalogUse } from "./catalog-use.ts";
import { directSplices, shardNames } from "./direct.ts";
import { planGather } from "./gather.ts";
import { planGeneral } from "./general.ts";
import { usesWholeRow } from "./needed-columns.ts";
import { openFunctions, type OpenedFunctions } from "./open-functions.ts";
import type { CatalogPlan, ReadPlan, ShardFilter, TableUse } from "./plan.ts";
import { isPointRead } from "./point-read.ts";
import type { Occurrence, QueryTree } from "./query-tree.ts";
import { findRelevantRows, type RelevantRows } from "./relevant-rows.ts";
import { rowLocks, type RowLock } from "./row-locks.ts";
import { shardFilter, union } from "./shard-filter.ts";
import { checkSystemColumns } from "./system-columns.ts";
import { temporaryReads } from "./temporary.ts";
import { transactionTimes } from "./transaction-times.ts";
import { viewReads } from "./view-reads.ts";
import { callingBlocks, containsCall, isNoticedCall, routinesNamed, type CallContext } from "./volatility.ts";

export interface PlanContext {
  readonly snapshot: Snapshot;
  /** Existing schemas of the session's search_path in order, without pg_catalog and pg_temp. */
  readonly searchPath: readonly string[];
  /** Described types of $1, $2 …; empty where the statement has none. */
  readonly parameterTypes: readonly number[];
  readonly transformNullEquals: boolean;
  /**
   * Set when the client's role may not itself read some table behind a view: Pleiad's own role reads these, and they are brought
   * to the workplace under names with this mark, that no function of the client's can know.
   */
  readonly hiddenMark?: string;
}

export function planRead(statement: ParsedStatement, context: PlanContext): ReadPlan | CatalogPlan {
  try {
    return plan(statement, context);
  } catch (error) {
    if (error instanceof RangeError && /call stack/.test(error.message))
      throw pgError("54001", "stack depth limit exceeded");
    throw error;
  }
}

function plan(statement: ParsedStatement, context: PlanContext): ReadPlan | CatalogPlan {
  if (!("SelectStmt" in statement.tree)) throw refusal("statement-kind");
  const tree = buildQueryTree(statement.text, statement.tree.SelectStmt, context);
  const functions = openFunctions(tree, context);
  const catalog = findCatalogUse(tree, functions, context);
  const readsTables = tree.occurrences.length > 0 || functions.reads.size > 0;
  if (!readsTables) {
    return catalogPlan(statement, functions, catalog);
  }
  const temporary = temporaryReads(statement.text, tree, functions, catalog, context.snapshot);
  if (temporary === "all") return catalogPlan(statement, functions, catalog);
  if (catalog.settingCalls.length > 0) throw refusal("set-config-beside-tables");
  if (catalog.connectionFunction !== undefined) {
    throw refusal("connection-function", `Function ${catalog.connectionFunction}.`);
  }
  const relevantRows = findRelevantRows(tree, relevantRowsContext(tree, context, functions));
  const uses = tableUses(tree, relevantRows, functions.reads);
  const systemColumns = checkSystemColumns(tree, uses, context.snapshot);
  const locks = rowLocks(tree);
  const direct =
    !catalog.needed &&
    temporary === "none" &&
    !testsRowKey(tree, context.snapshot) &&
    context.hiddenMark === undefined &&
    directSplices(tree, context.snapshot) !== undefined;
  const general =
    systemColumns ??
    functions.notMovable ??
    rowsAsArguments(tree, functions) ??
    planGeneral(tree, {
      snapshot: context.snapshot,
      target: catalog.needed ? "catalog" : "compute",
      readsCatalogs: tree.catalogRelations.length > 0 || functions.readsCatalogs,
      relevantRows,
      readByFunctions: functions.reads,
      locks,
      rowTypes: functions.rowTypes,
      hiddenMark: context.hiddenMark,
    });
  if (systemColumns !== undefined && !direct) throw systemColumns;
  if (!direct && general instanceof PgError) throw general;
  return {
    kind: "read",
    statement,
    uses,
    direct,
    shardNames: direct && functions.reads.size === 0 ? shardNames(tree) : undefined,
    directSplices: directSplices(tree, context.snapshot) ?? [],
    gather:
      direct && functions.reads.size === 0 && systemColumns === undefined && !functions.asksTime
        ? planGather(tree, context)
        : undefined,
    general,
    transactionTimes: transactionTimes(tree),
    hiddenTimes: functions.asksTime || tree.nowLiterals,
    locks: lockKind(locks),
    readByFunctions: [...functions.reads],
    views: viewReads(tree, context.snapshot),
    writes: false,
    cost: { pointRead: direct && isPointRead(tree, relevantRows, context) },
  };
}

function catalogPlan(
  statement: ParsedStatement,
  { usesSequences, connectionFunction }: OpenedFunctions,
  { writes, settingCalls }: CatalogUse,
): CatalogPlan {
  const readsLastValues = connectionFunction === "currval" || connectionFunction === "lastval";
  return { kind: "catalog", statement, usesSequences, readsLastValues, writes, settingCalls };
}

/**
 * IS NULL is true of a row whose fields are all NULL. PostgreSQL's pruning of partitions takes it for NULL itself and misses such
 * keys: the rows must be brought to where the table has no partitions.
 */
function testsRowKey(tree: QueryTree, { userTypes }: Snapshot): boolean {
  return (
    tree.nullTests &&
    tree.occurrences.some(({ relation: { distribution, columns } }) => {
      const keys = distribution !== undefined && "columns" in distribution ? distribution.columns : [];
      return columns.some(
        ({ name, typeOid }) => keys.includes(name) && userTypes.get(typeOid)?.kind === "composite",
      );
    })
  );
}

function lockKind(locks: ReadonlyMap<Relation, RowLock>): ReadPlan["locks"] {
  if (locks.size === 0) return "no";
  const replicated = [...locks.keys()].some((relation) => relation.distribution?.kind === "replicated");
  return replicated ? "replicated rows" : "rows";
}

/** late(o), o.late: the shipped copy of a table has another row type than the function's argument. */
function rowsAsArguments(tree: QueryTree, functions: OpenedFunctions): PgError | undefined {
  if (!functions.called) return undefined;
  const row = tree.occurrences.find((occurrence) => usesWholeRow(tree, occurrence));
  return row && refusal("function-of-row", `Table "${row.relation.name}".`);
}

function relevantRowsContext(
  tree: QueryTree,
  context: PlanContext,
  functions: OpenedFunctions,
): Parameters<typeof findRelevantRows>[1] {
  const calls: CallContext = context;
  const isNoticed = (call: FuncCall): boolean => isNoticedCall(call, calls, functions.writesCatalogs);
  const noticed = callingBlocks(tree, isNoticed);
  return {
    parameterTypes: context.parameterTypes,
    transformNullEquals: context.transformNullEquals,
    isEnum: (typeOid) => context.snapshot.userTypes.get(typeOid)?.kind === "enum",
    isUserOperator: (name) => context.snapshot.userOperators.has(name),
    isUserRoutine: (name) => routinesNamed([name], calls).length > 0,
    hasNoticedCall: (block) => noticed.has(block),
    isNoticed: (node) => noticed.size > 0 && containsCall(node, isNoticed),
  };
}

function tableUses(
  tree: QueryTree,
  relevantRows: ReadonlyMap<Occurrence, RelevantRows>,
  readByFunctions: ReadonlySet<Relation>,
): TableUse[] {
  const filters = new Map<Relation, ShardFilter[]>();
  for (const relation of readByFunctions) {
    filters.set(relation, [{ kind: "all" }]);
  }
  for (const occurrence of tree.occurrences) {
    const { relation } = occurrence;
    const filter = shardFilter(relation, relevantRows.get(occurrence)!);
    filters.set(relation, [...(filters.get(relation) ?? []), filter]);
  }
  return [...filters].map(([relation, list]) => ({ relation, filter: union(list) }));
}

/**
 * What in a statement only the catalog node can answer: system catalogs, reg* types, functions over them, sequences, row types of
 * tables. And what not even that node can, since it would answer for its own shells and connections: that is refused.
 */
import { findRelation } from "../catalog/snapshot.ts";
import { refusal } from "../errors/refusal.ts";
import { names } from "../sql/walk.ts";
import {
  connectionFunctions,
  isShellStatistics,
  readsCatalogs,
  sequenceFunctions,
  textQueryFunctions,
  writingFunctions,
} from "./built-in-functions.ts";
import type { OpenedFunctions } from "./open-functions.ts";
import type { CatalogRelation, QueryTree } from "./query-tree.ts";
import { settingCall, type SettingCall } from "./setting-calls.ts";
import { builtInName, type CallContext } from "./volatility.ts";

export interface CatalogUse {
  /** The statement has to run on the catalog node. */
  readonly needed: boolean;
  readonly writes: boolean;
  readonly settingCalls: readonly SettingCall[];
  /** A function that answers for the process or transaction it runs in. */
  readonly connectionFunction: string | undefined;
}

const shellRelations =
  /^(?:pg_stat_.*|pg_statio_.*|pg_stats|pg_stats_ext|pg_stats_ext_exprs|pg_statistic|pg_statistic_ext_data|pg_locks|pg_prepared_statements|pg_cursors|pg_prepared_xacts)$/;
/** Statistics with a row for each relation, whose names and OIDs are true: tools look for those in them. */
const perRelation = /^pg_stat(?:io)?_(?:all|user|sys)_(?:tables|indexes|sequences)$/;
const statisticColumn =
  /^(?:seq_|idx_|n_|last_|heap_|toast_|tidx_|blks_|total_|(?:auto)?(?:vacuum|analyze)_count$)/;

/** Does the statement use no more of the relation than what it is about? */
function onlyNames({ name, alias, renamesColumns }: CatalogRelation, tree: QueryTree): boolean {
  if (!perRelation.test(name) || renamesColumns || tree.natural || tree.fieldNames.size > 0) return false;
  return tree.columnRefs.every(({ node }) => {
    // undefined: a star.
    const path = names(node.fields);
    const column = path?.at(-1);
    if (column === undefined) return false;
    return !statisticColumn.test(column) && !(path!.length === 1 && column === alias);
  });
}

const regType =
  /^(?:reg(?:class|proc|procedure|oper|operator|type|role|namespace|config|dictionary|collation)|oid)$/;

/** Functions of the server that change it, or the session: locks, large objects, replication … */
const writingPattern =
  /^(?:lo_|lowrite$|pg_(?:try_)?advisory|pg_replication|pg_create|pg_drop|pg_clear|pg_restore|pg_copy|pg_logical|pg_backup|pg_promote|pg_wal_replay|pg_log_|pg_stat_reset|brin_|gin_|binary_upgrade)/;

/** Locks belong to the connection that takes them: together with tables that would be one which goes back with the statement. */
const advisoryLock = /^pg_(?:try_)?advisory_/;

/** Throws a refusal for what would be answered wrongly everywhere. */
export function findCatalogUse(
  tree: QueryTree,
  functions: OpenedFunctions,
  context: CallContext,
): CatalogUse {
  for (const relation of tree.catalogRelations) {
    const { name } = relation;
    if (shellRelations.test(name) && !onlyNames(relation, tree))
      throw refusal("shell-statistics", `Relation "${name}".`);
  }
  let needed = tree.catalogRelations.length > 0 || functions.readsCatalogs || functions.writesCatalogs;
  let writes = functions.writesCatalogs;
  const settingCalls = [...functions.settingCalls];
  let { connectionFunction } = functions;
  for (const { node } of tree.typeNames) {
    const path = names(node.names) ?? [];
    const name = path.at(-1) ?? "";
    needed ||= regType.test(name) && (path.length === 1 || path[0] === "pg_catalog");
    needed ||=
      findRelation(context.snapshot, context.searchPath, path.length > 1 ? path.at(-2) : undefined, name) !==
      undefined;
  }
  for (const { node, block } of tree.functionCalls) {
    const path = names(node.funcname) ?? [];
    const last = path.at(-1) ?? "";
    needed ||= path.length > 1 && (path[0] === "pleiad" || path[0] === "information_schema");
    const inExtension = /^(?:crosstab|connectby|dblink|xpath_table)/.test(last);
    const name = builtInName(path) ?? (inExtension ? last : undefined);
    if (name === undefined) continue;
    const runsText = textQueryFunctions.has(name) || (name === "ts_rewrite" && node.args?.length === 2);
    if (runsText) throw refusal("text-query-function", `Function ${name}.`);
    if (isShellStatistics(name)) throw refusal("shell-statistics", `Function ${name}.`);
    if (advisoryLock.test(name)) connectionFunction ??= name;
    if (connectionFunctions.has(name)) connectionFunction ??= name;
    else needed ||= readsCatalogs(name);
    needed ||= sequenceFunctions.has(name) || writingFunctions.has(name);
    if (name === "set_config") settingCalls.push(settingCall(node, block?.select));
    writes ||= writingFunctions.has(name) || writingPattern.test(name);
  }
  return { needed, writes, settingCalls, connectionFunction };
}

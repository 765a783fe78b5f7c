/**
 * What the planner hands to the executor. A plan is made once per text and catalog version and holds no values of
 * parameters: the executor asks it, per execution, which nodes are concerned.
 */
import type { ShardFilter } from "../catalog/shard-filter.ts";
import type { Column, Relation } from "../catalog/snapshot.ts";
import type { PgError } from "../errors/pg-error.ts";
import type { ParsedStatement, Splice } from "../sql/statement.ts";
import type { SettingCall } from "./setting-calls.ts";
import type { ViewReads } from "./view-reads.ts";

export type { KeyValue, ShardFilter } from "../catalog/shard-filter.ts";

/** One table of a statement, all its occurrences together. */
export interface TableUse {
  readonly relation: Relation;
  /** Union over the occurrences. */
  readonly filter: ShardFilter;
}

/** SELECT, VALUES, TABLE, WITH … SELECT without writing parts. */
export interface ReadPlan {
  readonly kind: "read";
  readonly statement: ParsedStatement;
  readonly uses: readonly TableUse[];
  /**
   * False: the text must not run on a data node, wherever the rows lie (it asks the catalogs, names objects by reg* types,
   * uses a sequence …): only `general` applies.
   */
  readonly direct: boolean;
  /**
   * Level 1, naming the shard: byte ranges of every distributed table's name; the executor puts "schema#ordinal".name there
   * when exactly one shard is concerned. Undefined where the shard must not be named directly (whole-row references,
   * row security, qualified column references, tableoid, triggers …).
   */
  readonly shardNames: readonly ShardName[] | undefined;
  /** Changes to the text for levels 1 and 2 through the tables' own names: views become subqueries, ONLY of a partitioned parent goes. */
  readonly directSplices: readonly Splice[];
  /** Level 2: set when the concatenation of the nodes' own answers is the answer. */
  readonly gather: GatherPlan | undefined;
  /** Level 5, or the refusal to raise when neither level 1 nor 2 applies. */
  readonly general: GeneralPlan | PgError;
  /** Calls of now(), current_timestamp, current_date …: replaced by the transaction's one time when more than one node has a part in the transaction. */
  readonly transactionTimes: readonly TransactionTime[];
  /** A function that it calls, or a string 'now', asks for the transaction's time, where no literal can be put. */
  readonly hiddenTimes: boolean;
  /** It locks rows; of replicated tables they are locked on the first data node, where all who lock or change them meet. */
  readonly locks: "no" | "rows" | "replicated rows";
  /** Tables that called functions read. */
  readonly readByFunctions: readonly Relation[];
  /** Undefined when it names no view. */
  readonly views: ViewReads | undefined;
  /** True when what it calls may write (a volatile function of the user's): the node has a say in the commit. */
  readonly writes: boolean;
  readonly cost: PlanCost;
}

export interface ShardName {
  readonly start: number;
  readonly end: number;
  readonly relation: Relation;
}

/** A byte range that stands for a function of the transaction's start. */
export interface TransactionTime {
  readonly start: number;
  readonly end: number;
  /** SQL around the literal: `@` is replaced by the quoted timestamptz literal with its cast. */
  readonly template: string;
}

export interface GatherPlan {
  /** Constant LIMIT to stop after that many rows over all nodes; the text keeps its LIMIT. `parameter`: LIMIT $n. */
  readonly limit: { readonly rows: number } | { readonly parameter: number } | undefined;
}

export interface GeneralPlan {
  /** Where the text runs: a compute node, or the catalog node when catalogs, reg* types or sequences take part. */
  readonly target: "compute" | "catalog";
  /** The text, or a function that it calls, reads system catalogs: they must not show the shipped tables. */
  readonly readsCatalogs: boolean;
  readonly tables: readonly ShippedTable[];
  /** Changes to the statement's text: names of tables become pg_temp names, views become subqueries, tableoid a constant. */
  readonly splices: readonly Splice[];
  /** True when a correlated subquery or LATERAL may look a shipped table up row by row: indexes pay. */
  readonly correlated: boolean;
}

export interface ShippedTable {
  readonly relation: Relation;
  /** In the table's own order. Never empty (a table of which no column is needed ships its narrowest). */
  readonly columns: readonly Column[];
  /** Name of the temporary table on the target, unquoted. The table's own name unless two tables share it or the target is the catalog node. */
  readonly temporaryName: string;
  /** Condition of the fragment as SQL over the table's own columns, qualified by `alias` or not at all; parameters as $n. */
  readonly filter: ShipFilter | undefined;
  readonly shards: ShardFilter;
  /** GROUP BY in the statement may rely on the primary key: declare it. */
  readonly primaryKey: readonly string[] | undefined;
  /** FOR UPDATE …: the rows are locked where they lie when they are read. */
  readonly lock: string | undefined;
  /** Read as Pleiad's own role wherever that is: the client may read the views before it, but not the table itself. */
  readonly hidden: boolean;
}

export interface ShipFilter {
  readonly sql: string;
  /** Numbers of the parameters in `sql`, ascending. */
  readonly parameters: readonly number[];
}

/** Hints for admission and multiplexing. */
export interface PlanCost {
  /** One shard, by its key, no join: cheap enough to share a pipeline. */
  readonly pointRead: boolean;
}

/** The statement reads no rows of user tables: the catalog node answers, with the client's text (tableless SELECTs, introspection, sequences). */
export interface CatalogPlan {
  readonly kind: "catalog";
  readonly statement: ParsedStatement;
  /** A function of the user's does that it calls: nextval(), currval() … are about the session. */
  readonly usesSequences: boolean;
  /** Of these, currval() or lastval(). */
  readonly readsLastValues: boolean;
  /** It may write on the catalog node (setval, nextval, a volatile function of the user's). */
  readonly writes: boolean;
  /** Calls of set_config(): the session follows. */
  readonly settingCalls: readonly SettingCall[];
}

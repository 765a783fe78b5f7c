/**
 * What the planner hands to the executor. A plan is made once per text and catalog version and holds no values of
 * parameters: the executor asks it, per execution, which nodes are concerned.
 */
import type { Column, Relation } from "../catalog/snapshot.ts";
import type { PgError } from "../errors/pg-error.ts";
import type { ParsedStatement, Splice } from "../sql/statement.ts";

/** Where a key value comes from when the plan is executed. */
export type KeyValue =
  /** Text form as the column's type reads it ('7', '2024-01-01'), or NULL (then no row is relevant). */
  | { readonly from: "literal"; readonly text: string | null }
  /** $number, whose described type is the key column's own type. */
  | { readonly from: "parameter"; readonly number: number };

/** Which of a distributed table's rows can matter, in terms of its distribution columns. Always a superset of the truth. */
export type ShardFilter =
  | { readonly kind: "all" }
  | { readonly kind: "none" }
  /** Rows whose key equals one of the tuples (values in the order of the distribution columns). */
  | { readonly kind: "points"; readonly tuples: readonly (readonly KeyValue[])[] }
  /** Rows whose key equals an element of an array parameter (`= ANY ($1)`), single-column keys only. */
  | { readonly kind: "any-of-array"; readonly parameter: number }
  /** Rows whose first key column lies between the bounds (both optional), for range distributions. */
  | { readonly kind: "interval"; readonly lower: KeyValue | undefined; readonly upper: KeyValue | undefined }
  | { readonly kind: "intersection"; readonly of: readonly ShardFilter[] }
  | { readonly kind: "union"; readonly of: readonly ShardFilter[] };

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
   * Level 1, naming the shard: byte ranges of every distributed table's name; the executor puts "schema#ordinal".name there
   * when exactly one shard is concerned. Undefined where the shard must not be named directly (whole-row references,
   * row security, qualified column references, tableoid, triggers …).
   */
  readonly shardNames: readonly ShardName[] | undefined;
  /** Level 2: set when the concatenation of the nodes' own answers is the answer. */
  readonly gather: GatherPlan | undefined;
  /** Level 5, or the refusal to raise when neither level 1 nor 2 applies. */
  readonly general: GeneralPlan | PgError;
  /** Calls of now(), current_timestamp, current_date …: replaced by the transaction's one time when more than one node has a part in the transaction. */
  readonly transactionTimes: readonly TransactionTime[];
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
  /** Names of relations that only the catalog knows may be used; set when the statement may write (setval, nextval, set_config). */
  readonly writes: boolean;
}

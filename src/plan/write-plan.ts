/**
 * What the planner hands to the executor for a statement that writes. What it reads, and which of its target's rows matter,
 * is said by a read plan: that of the SELECT which the statement contains (see write/as-select.ts).
 */
import type { KeyValue } from "../catalog/shard-filter.ts";
import type { Column, Relation } from "../catalog/snapshot.ts";
import type { PgError } from "../errors/pg-error.ts";
import type { ParsedStatement, Splice } from "../sql/statement.ts";
import type { WithParts } from "./write/with-parts.ts";
import type { GeneralPlan, ReadPlan, ShippedTable, TableUse } from "./plan.ts";

export type WritePlan = InsertPlan | ModifyPlan | WritingWithPlan;

/** How a default value comes about, as far as it says where it may be evaluated. */
export type DefaultKind =
  /** NULL, a constant, or what is the same on every node. */
  | "anywhere"
  /** The transaction's time. */
  | "time"
  /** Another value at each evaluation; where does not matter. */
  | "volatile"
  /** A sequence, or something else that only the catalog node has. */
  | "catalog";

export interface DefaultedColumn {
  readonly column: Column;
  readonly kind: DefaultKind;
}

interface Write {
  readonly kind: "write";
  readonly statement: ParsedStatement;
  readonly target: Relation;
  /** The target as the read plan knows it: a relation of its own, so that its other occurrences are told apart from it. */
  readonly standIn: Relation;
  readonly reads: ReadPlan;
  /** Tables that are read besides the target's rows. */
  readonly others: readonly TableUse[];
  /** Where the target is named: bytes [start, end), and the alias to put at `aliasAt` when another name stands there. */
  readonly name: TargetName;
}

export interface TargetName {
  readonly start: number;
  readonly end: number;
  readonly aliasAt: number;
  /** What the target is called in the rest of the text; undefined when the text has an alias of its own. */
  readonly alias: string | undefined;
}

export interface InsertPlan extends Write {
  readonly command: "INSERT";
  /** Columns that get values from the source, in its order. */
  readonly columns: readonly Column[];
  /** Those of them whose values are stored: not generated ones, nor identity columns under OVERRIDING USER VALUE. */
  readonly stored: readonly Column[];
  /** VALUES whose rows can be placed one by one; undefined for all other sources. */
  readonly rows: InsertRows | undefined;
  /** Bytes [start, end) of ON CONFLICT …, RETURNING …: the end of the statement. Undefined when it has neither. */
  readonly clauses:
    | { readonly start: number; readonly returning: boolean; readonly conflict: boolean }
    | undefined;
  /** Why the clauses cannot run on the nodes over rows that were staged. */
  readonly clausesRefused: PgError | undefined;
  readonly staged: StagedInsert | PgError;
}

export interface InsertRows {
  /** The column list, or the empty range where one may be put. */
  readonly columnList: { readonly start: number; readonly end: number };
  /** DEFAULT VALUES, to be replaced by a list; undefined for VALUES. */
  readonly defaultValues: { readonly start: number; readonly end: number } | undefined;
  readonly rows: readonly InsertRow[];
  /** Omitted columns whose default is not NULL. */
  readonly omitted: readonly DefaultedColumn[];
  /** Some row has an expression with another value at each evaluation. */
  readonly volatile: boolean;
}

export interface InsertRow {
  /** Bytes of (…). */
  readonly start: number;
  readonly end: number;
  /** For each distribution column: its value, or that it is the column's default; undefined when it is only known once evaluated. */
  readonly key: readonly (KeyValue | "default" | undefined)[];
  /** Cells that say DEFAULT. */
  readonly defaults: readonly {
    readonly start: number;
    readonly end: number;
    readonly defaulted: DefaultedColumn;
  }[];
}

export interface StagedInsert {
  readonly general: GeneralPlan;
  /** Columns of the stage whose default the source's rows ask for. */
  readonly defaults: readonly DefaultedColumn[];
}

export interface ModifyPlan extends Write {
  readonly command: "UPDATE" | "DELETE" | "MERGE";
  /** Columns that UPDATE (or UPDATE actions of MERGE) assign. */
  readonly assigned: readonly Column[];
  /** Rows may come to lie elsewhere: a distribution column is assigned, or MERGE inserts rows of any key. */
  readonly movesRows: boolean;
  /** MERGE … WHEN NOT MATCHED THEN INSERT. */
  readonly inserts: boolean;
  /** Columns whose default the statement asks for. */
  readonly defaults: readonly DefaultedColumn[];
  /** The text gives the same result on every copy of a replicated target. */
  readonly sameOnReplicas: boolean;
  readonly staged: StagedModify | PgError;
}

export interface StagedModify {
  readonly general: GeneralPlan;
  /** How the target's rows are brought to the workplace. */
  readonly table: ShippedTable;
  /** Everything of the text but the target's name. */
  readonly splices: readonly Splice[];
}

/** WITH x AS (INSERT … RETURNING …) SELECT … */
export interface WritingWithPlan {
  readonly kind: "write";
  readonly command: "WITH";
  readonly statement: ParsedStatement;
  /** Set where the text may run as it is on the node that holds all that is touched. */
  readonly alone:
    | {
        readonly reads: ReadPlan;
        /** A default is the transaction's time. */
        readonly asksTime: boolean;
      }
    | undefined;
  /** How it runs otherwise. */
  readonly parts: WithParts | PgError;
}

/**
 * A statement as the planner looks at it: its levels of SELECT, what stands in their FROM, and what their expressions mention.
 * Built once per statement by build-query-tree.ts; every rule of the planner reads it, none changes it.
 */
import type {
  A_Expr,
  ColumnRef,
  FuncCall,
  Node,
  RangeVar,
  SelectStmt,
  SQLValueFunction,
  TypeName,
} from "@pgsql/types";
import type { Column, Relation } from "../catalog/snapshot.ts";

/** A text with the tree whose locations point into it: the statement's own, or the definition of a view that it reads. */
export interface Unit {
  readonly text: Buffer;
  readonly query: Query;
  /** The view, and the text in which its name stands (offsets of `rangeVar`); undefined for the statement itself. */
  readonly view: { readonly relation: Relation; readonly within: Unit; readonly item: QueryItem } | undefined;
}

/** A SELECT with all that belongs to it: one level, or a set operation over two. */
export type Query = Block | SetOperation;

export interface SetOperation {
  readonly kind: "set operation";
  readonly select: SelectStmt;
  readonly left: Query;
  readonly right: Query;
}

/** One level of SELECT (or VALUES). */
export interface Block {
  readonly kind: "block";
  readonly select: SelectStmt;
  readonly unit: Unit;
  /** The level whose columns are seen from here as outer references. */
  readonly parent: Block | undefined;
  /** In LATERAL: only this many items of the parent, those to the left, are seen. Undefined: all. */
  readonly parentItemsSeen: number | undefined;
  /** The operand of EXISTS: its select list does not matter. */
  readonly onlyExistence: boolean;
  readonly from: readonly JoinTree[];
  /** The leaves of `from`. */
  readonly items: readonly FromItem[];
  /** Queries in its expressions (EXISTS, IN, scalar subqueries …). */
  readonly sublinks: readonly Query[];
}

export type JoinTree = { readonly kind: "leaf"; readonly item: FromItem } | Join;

export interface Join {
  readonly kind: "join";
  readonly type: "inner" | "left" | "right" | "full";
  readonly left: JoinTree;
  readonly right: JoinTree;
  readonly quals: Node | undefined;
  readonly using: readonly string[];
  readonly natural: boolean;
  /** (a JOIN b …) AS j hides a and b from the rest of the level. */
  readonly alias: string | undefined;
}

export type FromItem = Occurrence | QueryItem | CteItem | OtherItem;

interface NamedItem {
  readonly block: Block;
  /** The name by which columns are qualified; undefined for an unnamed subquery. */
  readonly alias: string | undefined;
  /** Column names given behind the alias, for the first columns. */
  readonly columnAliases: readonly string[];
}

/** A user's table, named in FROM. */
export interface Occurrence extends NamedItem {
  readonly kind: "table";
  readonly relation: Relation;
  readonly rangeVar: RangeVar;
  readonly sampled: boolean;
}

/** A subquery in FROM, or a view's definition in the view's place. */
export interface QueryItem extends NamedItem {
  readonly kind: "query";
  readonly query: Query;
  readonly lateral: boolean;
  /** Set when it stands for a view. */
  readonly view: { readonly relation: Relation; readonly rangeVar: RangeVar } | undefined;
}

export interface CteItem extends NamedItem {
  readonly kind: "cte";
  readonly cte: Cte;
}

/** A function, JSON_TABLE, XMLTABLE, or a relation that only the catalog node knows. */
export interface OtherItem extends NamedItem {
  readonly kind: "function" | "catalog relation";
}

/** One WITH entry. */
export interface Cte {
  readonly name: string;
  /** Set once its query is built; a recursive reference inside sees it unset. */
  query: Query | undefined;
  recursive: boolean;
  references: number;
  readonly columnAliases: readonly string[];
}

/** A node found in an expression, with the level at which it stands (undefined: ORDER BY or LIMIT of a set operation). */
export interface Found<T> {
  readonly node: T;
  readonly block: Block | undefined;
  readonly unit: Unit;
}

/** Everything that a statement mentions, all levels and opened views together. */
export interface CatalogRelation {
  readonly schema: string | undefined;
  readonly name: string;
  /** What it is called in the statement. */
  readonly alias: string;
  /** Its columns have other names: v (a, b). */
  readonly renamesColumns: boolean;
}

export interface QueryTree {
  readonly unit: Unit;
  /** The statement's own text first, then its views' definitions. */
  readonly units: readonly Unit[];
  readonly blocks: readonly Block[];
  readonly occurrences: readonly Occurrence[];
  readonly ctes: readonly Cte[];
  readonly columnRefs: readonly Found<ColumnRef>[];
  readonly functionCalls: readonly Found<FuncCall>[];
  readonly operators: readonly Found<A_Expr>[];
  readonly timeFunctions: readonly Found<SQLValueFunction>[];
  readonly typeNames: readonly Found<TypeName>[];
  /** Names of fields taken from values: (x).name, which may be a function in disguise. */
  readonly fieldNames: ReadonlySet<string>;
  /** Relations that only the catalog node knows: pg_catalog, information_schema, sequences, Pleiad's own. */
  readonly catalogRelations: readonly CatalogRelation[];
  readonly natural: boolean;
  readonly locking: boolean;
  /** 'now', 'today' … stand somewhere as strings: as dates they are read as other moments on other nodes. */
  readonly timeLiterals: boolean;
  /** The string 'now': read as a time, it is the transaction's. */
  readonly nowLiterals: boolean;
  /** IS NULL, IS NOT NULL. */
  readonly nullTests: boolean;
}

/** Does this level group, or reduce all its rows to one (ungrouped aggregates are asked for elsewhere)? */
export function isGrouped(block: Block): boolean {
  return (block.select.groupClause?.length ?? 0) > 0 || block.select.havingClause !== undefined;
}

/** The table's column that an occurrence shows under this name. */
export function columnOf(occurrence: Occurrence, shownName: string): Column | undefined {
  const renamed = occurrence.columnAliases.indexOf(shownName);
  if (renamed >= 0) return occurrence.relation.columns[renamed];
  const index = occurrence.relation.columns.findIndex((c) => c.name === shownName);
  return index < occurrence.columnAliases.length ? undefined : occurrence.relation.columns[index];
}

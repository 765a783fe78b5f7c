/**
 * Relevant rows: for each table occurrence, what every row must fulfil to have any influence on the result. Facts about
 * single columns travel along equalities (joins, correlated subqueries, columns of subqueries and CTEs); whole conditions
 * over one table become the filter of its fragment. Everything may be too weak, nothing too strong.
 */
import type { ColumnRef, Node } from "@pgsql/types";
import type { Column } from "../catalog/snapshot.ts";
import { walk } from "../sql/walk.ts";
import { ColumnGraph, type GraphColumn } from "./column-graph.ts";
import {
  comparisonOperator,
  constraintOf,
  type ConstraintContext,
  type Fact,
  type Term,
} from "./constraint.ts";
import type { ConstantContext } from "./constants.ts";
import { factSql } from "./fact-sql.ts";
import { filterSql, type FilterSqlContext } from "./filter-sql.ts";
import { isStrict } from "./strict-condition.ts";
import { joinsOf, restrictionAt, type Site } from "./join-path.ts";
import type { ShipFilter } from "./plan.ts";
import type { Block, FromItem, Join, Occurrence, Query, QueryTree } from "./query-tree.ts";
import { findInJoin, resolveColumn } from "./resolve-column.ts";

export interface RelevantRowsContext extends ConstantContext, FilterSqlContext {
  /** Levels with calls that somebody notices (nextval): nothing is pushed into them from outside. */
  readonly hasNoticedCall: (block: Block) => boolean;
  readonly isNoticed: (node: Node) => boolean;
}

export interface RelevantRows {
  /** Facts that hold together for the columns of the occurrence, by the table's own column names. */
  readonly facts: ReadonlyMap<string, readonly Fact[]>;
  /** Further conditions: of each list one term must hold. */
  readonly alternatives: readonly (readonly ReadonlyMap<string, readonly Fact[]>[])[];
  /** No row at all is relevant. */
  readonly none: boolean;
  /** Conditions over the table's own columns, to be joined by AND. */
  readonly filters: readonly ShipFilter[];
}

export function findRelevantRows(
  tree: QueryTree,
  context: RelevantRowsContext,
): ReadonlyMap<Occurrence, RelevantRows> {
  const finder = new Finder(tree, context);
  finder.run();
  return new Map(tree.occurrences.map((occurrence) => [occurrence, finder.result(occurrence)]));
}

class Finder {
  private readonly tree: QueryTree;
  private readonly context: RelevantRowsContext;
  private readonly graph: ColumnGraph;
  private readonly none = new Set<FromItem>();
  private readonly alternatives = new Map<FromItem, Term<GraphColumn>[][]>();
  private readonly filters = new Map<Occurrence, ShipFilter[]>();

  constructor(tree: QueryTree, context: RelevantRowsContext) {
    this.tree = tree;
    this.context = context;
    this.graph = new ColumnGraph(context.hasNoticedCall);
  }

  run(): void {
    for (const block of this.tree.blocks) {
      // Rows that are left out would have called the function: WHERE nextval('s') > 5 AND x = 1.
      if (this.conditionsOf(block).some(this.context.isNoticed)) continue;
      this.condition(block.select.whereClause, { block, join: undefined });
      for (const join of joinsOf(block)) {
        this.condition(join.quals, { block, join });
        for (const name of join.using) this.using(name, { block, join }, join);
      }
    }
    this.graph.propagate();
  }

  private conditionsOf(block: Block): Node[] {
    return [block.select.whereClause, ...joinsOf(block).map((join) => join.quals)].filter(
      (node) => node !== undefined,
    );
  }

  result(occurrence: Occurrence): RelevantRows {
    const facts = new Map<string, readonly Fact[]>();
    const filters = [...(this.filters.get(occurrence) ?? [])];
    for (const column of this.graph.columnsOf(occurrence)) {
      facts.set(column.column.name, [...column.facts.keys()]);
      for (const [fact, own] of column.facts) {
        // What came through an equality stands in no condition of this table's own.
        const derived = own ? undefined : factSql(fact, column.column);
        if (derived !== undefined && !filters.some((f) => f.sql === derived.sql)) filters.push(derived);
      }
    }
    const alternatives = (this.alternatives.get(occurrence) ?? []).map((terms) =>
      terms.map((term) => new Map([...term].map(([column, list]) => [column.column.name, list]))),
    );
    return { facts, alternatives, none: this.none.has(occurrence), filters };
  }

  private condition(node: Node | undefined, site: Site): void {
    for (const conjunct of conjunctsOf(node)) {
      this.facts(conjunct, site);
      this.equalities(conjunct, site);
      this.filter(conjunct, site);
    }
  }

  private readonly columnAt = (node: Node, block: Block): GraphColumn | undefined => {
    if (!("ColumnRef" in node)) return undefined;
    const resolved = resolveColumn(node.ColumnRef, block);
    return resolved === undefined ? undefined : this.graph.column(resolved);
  };

  private facts(conjunct: Node, site: Site): void {
    const context: ConstraintContext<GraphColumn> = {
      ...this.context,
      columnOf: (node) => {
        const key = this.columnAt(node, site.block);
        return key === undefined ? undefined : { key, column: key.column };
      },
    };
    const terms = constraintOf(conjunct, context);
    if (terms === undefined) return;
    if (terms.length === 0) {
      for (const item of site.block.items) if (restrictionAt(site, item) !== undefined) this.excludeAll(item);
      return;
    }
    if (terms.length === 1) {
      for (const [column, facts] of terms[0]!) {
        // Terms are strict, so a nullable side is no hindrance; a column of an outer level is not restricted from here.
        if (restrictionAt(site, column.item) !== undefined)
          for (const fact of facts) column.facts.set(fact, true);
      }
      return;
    }
    for (const item of new Set(terms.flatMap((term) => [...term.keys()].map((c) => c.item)))) {
      if (restrictionAt(site, item) === undefined) continue;
      const own = terms.map((term) => new Map([...term].filter(([column]) => column.item === item)));
      // o.k = 3 OR c.k = 7 says nothing about either alone.
      if (own.some((term) => term.size === 0)) continue;
      this.alternatives.set(item, [...(this.alternatives.get(item) ?? []), own]);
    }
  }

  /** WHERE false: no row of the item matters, and so none of what a subquery in its place reads. */
  private excludeAll(item: FromItem): void {
    this.none.add(item);
    if (item.kind === "query") for (const inner of itemsWithin(item.query)) this.none.add(inner);
  }

  private equalities(conjunct: Node, site: Site): void {
    if (!("A_Expr" in conjunct) || conjunct.A_Expr.kind !== "AEXPR_OP") return;
    if (comparisonOperator(conjunct.A_Expr) !== "=") return;
    const { lexpr, rexpr } = conjunct.A_Expr;
    if (lexpr === undefined || rexpr === undefined) return;
    const rows = "RowExpr" in lexpr && "RowExpr" in rexpr;
    const left = rows ? (lexpr.RowExpr.args ?? []) : [lexpr];
    const right = rows ? (rexpr.RowExpr.args ?? []) : [rexpr];
    if (left.length !== right.length) return;
    left.forEach((node, i) =>
      this.equality(this.columnAt(node, site.block), this.columnAt(right[i]!, site.block), site),
    );
  }

  private using(name: string, site: Site, join: Join): void {
    const left = findInJoin(join.left, name);
    const right = findInJoin(join.right, name);
    if (left === undefined || left === "unknown" || right === undefined || right === "unknown") return;
    this.equality(this.graph.column(left), this.graph.column(right), site);
  }

  /** Facts go from one side to the other where the condition restricts the other: not to the preserved side of an outer join. */
  private equality(a: GraphColumn | undefined, b: GraphColumn | undefined, site: Site): void {
    if (a === undefined || b === undefined || a.item === b.item || !comparable(a.column, b.column)) return;
    if (a.column.userType && this.context.isUserOperator("=")) return;
    if (restrictionAt(site, b.item) !== undefined) a.leadsTo.add(b);
    if (restrictionAt(site, a.item) !== undefined) b.leadsTo.add(a);
  }

  private filter(conjunct: Node, site: Site): void {
    const traced = this.traceSingleTable(conjunct, site);
    if (traced === undefined) return;
    const { occurrence, strict, columns } = traced;
    if (strict && !isStrict(conjunct)) return;
    const filter = filterSql(conjunct, (ref) => columns.get(ref), this.context);
    if (filter === undefined) return;
    this.filters.set(occurrence, [...(this.filters.get(occurrence) ?? []), filter]);
  }

  /** The one table occurrence that all columns of a condition are plain columns of. */
  private traceSingleTable(conjunct: Node, site: Site): TracedCondition | undefined {
    const columns = new Map<ColumnRef, Column>();
    let occurrence: Occurrence | undefined;
    let strict = false;
    let certain = true;
    walk(conjunct, (type, fields) => {
      if (type === "SubLink") certain = false;
      if (type !== "ColumnRef" || !certain) return certain;
      const resolved = resolveColumn(fields as ColumnRef, site.block);
      const restriction = resolved === undefined ? undefined : restrictionAt(site, resolved.item);
      const pushed =
        restriction === undefined ? undefined : this.graph.pushDown(this.graph.column(resolved!));
      if (pushed === undefined || (occurrence !== undefined && pushed.occurrence !== occurrence)) {
        certain = false;
      } else {
        occurrence = pushed.occurrence;
        strict ||= pushed.strict || restriction === "strict";
        columns.set(fields as ColumnRef, pushed.column);
      }
      return false;
    });
    return certain && occurrence !== undefined ? { occurrence, strict, columns } : undefined;
  }
}

interface TracedCondition {
  readonly occurrence: Occurrence;
  /** An outer join on the way allows only strict conditions. */
  readonly strict: boolean;
  readonly columns: ReadonlyMap<ColumnRef, Column>;
}

function conjunctsOf(node: Node | undefined): Node[] {
  if (node === undefined) return [];
  if ("BoolExpr" in node && node.BoolExpr.boolop === "AND_EXPR")
    return (node.BoolExpr.args ?? []).flatMap(conjunctsOf);
  return [node];
}

/** Equal under = means equal bytes under one hash only for one type, one collation, and a deterministic one. */
export function comparable(a: Column, b: Column): boolean {
  return (
    a.typeOid === b.typeOid &&
    a.collation === b.collation &&
    a.deterministicCollation &&
    b.deterministicCollation
  );
}

function* itemsWithin(query: Query): Iterable<FromItem> {
  if (query.kind === "set operation") {
    yield* itemsWithin(query.left);
    yield* itemsWithin(query.right);
    return;
  }
  for (const item of query.items) {
    yield item;
    if (item.kind === "query") yield* itemsWithin(item.query);
  }
}

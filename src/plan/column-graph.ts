/**
 * Columns of FROM items as a graph: facts about one lead to facts about another, through equalities and through the select
 * lists of subqueries, views and CTEs.
 */
import type { Node } from "@pgsql/types";
import type { Column } from "../catalog/snapshot.ts";
import type { Fact } from "./constraint.ts";
import { restrictionAt } from "./join-path.ts";
import {
  columnOf,
  isGrouped,
  type Block,
  type CteItem,
  type FromItem,
  type Occurrence,
  type Query,
  type QueryItem,
} from "./query-tree.ts";
import { columnsOfItem, resolveColumn, type ItemColumn, type OutputColumn } from "./resolve-column.ts";

export interface GraphColumn {
  readonly item: FromItem;
  /** The table's column whose values it shows. */
  readonly column: Column;
  /** True: found in a condition over this very item; false: arrived from another column. */
  readonly facts: Map<Fact, boolean>;
  readonly leadsTo: Set<GraphColumn>;
  /** For a column of a subquery into which conditions may be pushed: the column inside. */
  readonly inside: GraphColumn | undefined;
}

export class ColumnGraph {
  private readonly columns = new Map<FromItem, Map<string, GraphColumn | undefined>>();
  private readonly hasNoticedCall: (block: Block) => boolean;

  constructor(hasNoticedCall: (block: Block) => boolean) {
    this.hasNoticedCall = hasNoticedCall;
  }

  /** The graph's column for an item's column; undefined when it is not a plain column of a table in the end. */
  column({ item, name }: ItemColumn): GraphColumn | undefined {
    let ofItem = this.columns.get(item);
    if (ofItem === undefined) this.columns.set(item, (ofItem = new Map()));
    if (ofItem.has(name)) return ofItem.get(name);
    ofItem.set(name, undefined);
    const made = this.make(item, name);
    ofItem.set(name, made);
    return made;
  }

  columnsOf(item: FromItem): GraphColumn[] {
    return [...(this.columns.get(item)?.values() ?? [])].filter((c) => c !== undefined);
  }

  /** The table column that a condition on `start` may be pushed to. */
  pushDown(
    start: GraphColumn | undefined,
  ): { occurrence: Occurrence; column: Column; strict: boolean } | undefined {
    let strict = false;
    let at = start;
    while (at !== undefined) {
      if (at.item.kind === "table") return { occurrence: at.item, column: at.column, strict };
      at = at.inside;
      if (at !== undefined)
        strict ||= restrictionAt({ block: at.item.block, join: undefined }, at.item) === "strict";
    }
    return undefined;
  }

  /** Lets all facts travel until nothing changes. */
  propagate(): void {
    const pending = [...this.columns.values()].flatMap((m) => [...m.values()]).filter((c) => c !== undefined);
    let column = pending.pop();
    while (column !== undefined) {
      for (const target of column.leadsTo) {
        let grown = false;
        for (const fact of column.facts.keys()) {
          if (target.facts.has(fact)) continue;
          target.facts.set(fact, false);
          grown = true;
        }
        if (grown) pending.push(target);
      }
      column = pending.pop();
    }
  }

  private make(item: FromItem, name: string): GraphColumn | undefined {
    if (item.kind === "table") {
      const column = columnOf(item, name);
      return column && { item, column, facts: new Map(), leadsTo: new Set(), inside: undefined };
    }
    if (item.kind !== "query" && item.kind !== "cte") return undefined;
    const matching = columnsOfItem(item)
      ?.map((output, index) => ({ output, index }))
      .filter(({ output }) => output.name === name);
    const found = matching?.length === 1 ? matching[0] : undefined;
    if (found === undefined) return undefined;
    const source = sourceOf(found.output);
    const inner = source === undefined ? undefined : this.column(source);
    // An output that stands for a column of a level further out is a constant here.
    if (inner === undefined || inner.item.block !== found.output.block) return undefined;
    const pushable = this.mayPush(item, found.output.block, source!, found.index);
    const made: GraphColumn = {
      item,
      column: inner.column,
      facts: new Map(),
      leadsTo: new Set(),
      inside: pushable ? inner : undefined,
    };
    // What holds for all relevant rows inside holds for what they give; the other way only where nothing but the row's own
    // columns decides on it: not below LIMIT, windows, DISTINCT ON, or for a CTE that others read too.
    inner.leadsTo.add(made);
    if (pushable) made.leadsTo.add(inner);
    return made;
  }

  private readonly transparent = new Map<Block, boolean>();

  private mayPush(item: QueryItem | CteItem, block: Block, source: ItemColumn, index: number): boolean {
    const query: Query | undefined = item.kind === "query" ? item.query : item.cte.query;
    if (query !== block || this.hasNoticedCall(block)) return false;
    if (item.kind === "cte" && (item.cte.references !== 1 || item.cte.recursive)) return false;
    let transparent = this.transparent.get(block);
    if (transparent === undefined) this.transparent.set(block, (transparent = isTransparent(block)));
    if (!transparent) return false;
    if (isGrouped(block) && !isGroupColumn(block, source, index)) return false;
    return restrictionAt({ block, join: undefined }, source.item) !== undefined;
  }
}

function sourceOf(output: OutputColumn): ItemColumn | undefined {
  if (output.column !== undefined) return output.column;
  const { expression } = output;
  return expression !== undefined && "ColumnRef" in expression
    ? resolveColumn(expression.ColumnRef, output.block)
    : undefined;
}

/** Does nothing but the row's own columns decide on whether a row is in the result? */
function isTransparent({ select }: Block): boolean {
  if (
    select.limitCount !== undefined ||
    select.limitOffset !== undefined ||
    (select.lockingClause?.length ?? 0) > 0
  )
    return false;
  // DISTINCT ON has expressions, plain DISTINCT an empty node.
  if ((select.distinctClause ?? []).some((node) => Object.keys(node).length > 0)) return false;
  return !hasWindow(select.targetList) && !hasWindow(select.sortClause);
}

function hasWindow(list: readonly Node[] | undefined): boolean {
  return JSON.stringify(list ?? []).includes('"over":');
}

/** Is the column one that the level groups by, in all of its grouping sets? */
function isGroupColumn(block: Block, source: ItemColumn, index: number): boolean {
  return (
    (block.select.groupClause ?? []).some((node) => {
      if ("A_Const" in node) return node.A_Const.ival?.ival === index + 1;
      if (!("ColumnRef" in node)) return false;
      const column = resolveColumn(node.ColumnRef, block);
      return column !== undefined && column.item === source.item && column.name === source.name;
    }) && !JSON.stringify(block.select.groupClause).includes('"GroupingSet"')
  );
}

/**
 * Reads PostgreSQL's parse tree into a QueryTree: which names in FROM are CTEs, tables, views (opened here), or relations
 * that only the catalog node knows. A name means what it means to PostgreSQL: CTEs of the nearest level first, unqualified only.
 */
import type { ColumnRef, CommonTableExpr, Node, RangeVar, SelectStmt, WithClause } from "@pgsql/types";
import type { Relation, Snapshot } from "../catalog/snapshot.ts";
import { pgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import { names, walk } from "../sql/walk.ts";
import { findTarget } from "./find-target.ts";
import { parseViewDefinition } from "./expand-views.ts";
import type {
  Block,
  Cte,
  FromItem,
  Join,
  JoinTree,
  Occurrence,
  Query,
  QueryItem,
  QueryTree,
  Unit,
} from "./query-tree.ts";

/** What names mean at a place of the statement. */
interface Scope {
  readonly unit: Unit;
  /** Innermost first. */
  readonly ctes: readonly Cte[];
  readonly parent: Block | undefined;
  readonly parentItemsSeen?: number | undefined;
}

type Mutable<T> = T extends unknown
  ? { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }
  : never;

export interface NameContext {
  readonly snapshot: Snapshot;
  readonly searchPath: readonly string[];
}

/** More views inside views than PostgreSQL's own stack would like. */
const viewDepthMax = 64;

export function buildQueryTree(text: Buffer, select: SelectStmt, context: NameContext): QueryTree {
  return new Builder(context).build(text, select);
}

class Builder {
  private readonly context: NameContext;
  private readonly units: Unit[] = [];
  private readonly tree: Omit<Mutable<QueryTree>, "unit" | "fieldNames"> & { fieldNames: Set<string> };
  private viewDepth = 0;
  private readonly existenceOnly = new Set<SelectStmt>();

  constructor(context: NameContext) {
    this.context = context;
    this.tree = {
      units: this.units,
      blocks: [],
      occurrences: [],
      ctes: [],
      columnRefs: [],
      functionCalls: [],
      operators: [],
      timeFunctions: [],
      typeNames: [],
      fieldNames: new Set(),
      catalogRelations: [],
      natural: false,
      locking: false,
      timeLiterals: false,
      nowLiterals: false,
      nullTests: false,
    };
  }

  build(text: Buffer, select: SelectStmt): QueryTree {
    const unit = this.unit(text, select, undefined);
    return { ...this.tree, unit };
  }

  private unit(text: Buffer, select: SelectStmt, view: Unit["view"]): Unit {
    const unit: Mutable<Unit> = { text, view, query: undefined as unknown as Query };
    this.units.push(unit);
    unit.query = this.query(select, { unit, ctes: [], parent: undefined });
    return unit;
  }

  private query(select: SelectStmt, outer: Scope): Query {
    const scope = select.withClause === undefined ? outer : this.with(select.withClause, outer);
    if ((select.lockingClause?.length ?? 0) > 0) this.tree.locking = true;
    if (select.op === undefined || select.op === "SETOP_NONE") return this.block(select, scope);
    const left = this.query(select.larg!, scope);
    const right = this.query(select.rarg!, scope);
    this.expressions([select.sortClause, select.limitCount, select.limitOffset], scope, undefined, []);
    return { kind: "set operation", select, left, right };
  }

  private with(clause: WithClause, outer: Scope): Scope {
    const ctes: Cte[] = [];
    const entries: [CommonTableExpr, Cte][] = [];
    for (const node of clause.ctes ?? []) {
      if (!("CommonTableExpr" in node)) continue;
      const entry = node.CommonTableExpr;
      const cte: Cte = {
        name: entry.ctename ?? "",
        query: undefined,
        recursive: false,
        references: 0,
        columnAliases: names(entry.aliascolnames) ?? [],
      };
      entries.push([entry, cte]);
      this.tree.ctes.push(cte);
    }
    // WITH RECURSIVE: every entry sees all, itself and later ones too. Else only those before it.
    if (clause.recursive === true) ctes.push(...entries.map(([, cte]) => cte));
    for (const [entry, cte] of entries) {
      const query = entry.ctequery;
      if (query === undefined || !("SelectStmt" in query)) throw refusal("writing-with-in-read");
      cte.query = this.query(query.SelectStmt, { ...outer, ctes: [...ctes, ...outer.ctes] });
      if (clause.recursive !== true) ctes.unshift(cte);
    }
    return { ...outer, ctes: [...ctes, ...outer.ctes] };
  }

  private block(select: SelectStmt, outer: Scope): Block {
    const block: Mutable<Block> = {
      kind: "block",
      select,
      unit: outer.unit,
      parent: outer.parent,
      parentItemsSeen: outer.parentItemsSeen,
      onlyExistence: this.existenceOnly.has(select),
      from: [],
      items: [],
      sublinks: [],
    };
    this.tree.blocks.push(block);
    const scope: Scope = { ...outer, parent: block, parentItemsSeen: undefined };
    for (const node of select.fromClause ?? []) block.from.push(this.fromNode(node, block, outer, scope));
    this.expressions(
      [
        select.distinctClause,
        select.targetList,
        select.whereClause,
        select.groupClause,
        select.havingClause,
        select.windowClause,
        select.valuesLists,
        select.sortClause,
        select.limitCount,
        select.limitOffset,
      ],
      scope,
      block,
      block.sublinks,
    );
    return block;
  }

  private fromNode(node: Node, block: Mutable<Block>, outer: Scope, inner: Scope): JoinTree {
    if ("JoinExpr" in node) return this.join(node, block, outer, inner);
    const item = this.fromItem(node, block, outer, inner);
    block.items.push(item);
    return { kind: "leaf", item };
  }

  private join(
    node: Extract<Node, { JoinExpr: unknown }>,
    block: Mutable<Block>,
    outer: Scope,
    inner: Scope,
  ): Join {
    const expr = node.JoinExpr;
    const left = this.fromNode(expr.larg!, block, outer, inner);
    const right = this.fromNode(expr.rarg!, block, outer, inner);
    this.expressions([expr.quals], inner, block, block.sublinks);
    if (expr.isNatural === true) this.tree.natural = true;
    const types = { JOIN_LEFT: "left", JOIN_RIGHT: "right", JOIN_FULL: "full" } as const;
    return {
      kind: "join",
      type: types[expr.jointype as keyof typeof types] ?? "inner",
      left,
      right,
      quals: expr.quals,
      using: names(expr.usingClause) ?? [],
      natural: expr.isNatural === true,
      alias: expr.alias?.aliasname,
    };
  }

  private fromItem(node: Node, block: Block, outer: Scope, inner: Scope): FromItem {
    if ("RangeVar" in node) return this.relation(node.RangeVar, block, outer, false);
    if ("RangeTableSample" in node) {
      const sample = node.RangeTableSample;
      this.expressions([sample.args, sample.repeatable], inner, block, []);
      if (sample.relation !== undefined && "RangeVar" in sample.relation) {
        return this.relation(sample.relation.RangeVar, block, outer, true);
      }
    }
    const fields = Object.values(node)[0] as {
      alias?: { aliasname?: string; colnames?: Node[] };
      lateral?: boolean;
    };
    const named = {
      block,
      alias: fields.alias?.aliasname,
      columnAliases: names(fields.alias?.colnames) ?? [],
    };
    if (
      "RangeSubselect" in node &&
      node.RangeSubselect.subquery !== undefined &&
      "SelectStmt" in node.RangeSubselect.subquery
    ) {
      // Without LATERAL the siblings in FROM are not seen, but a name that no outer level has cannot be theirs either
      // in a valid statement; LATERAL sees this level.
      const lateral = fields.lateral === true;
      const query = this.query(
        node.RangeSubselect.subquery.SelectStmt,
        lateral ? { ...inner, parentItemsSeen: block.items.length } : outer,
      );
      return { kind: "query", query, lateral, view: undefined, ...named };
    }
    this.expressions([node], inner, block, (block as Mutable<Block>).sublinks);
    return { kind: "function", ...named };
  }

  private relation(rangeVar: RangeVar, block: Block, scope: Scope, sampled: boolean): FromItem {
    const name = rangeVar.relname ?? "";
    const alias = rangeVar.alias?.aliasname ?? name;
    const named = { block, alias, columnAliases: names(rangeVar.alias?.colnames) ?? [] };
    if (rangeVar.schemaname === undefined) {
      const cte = scope.ctes.find((c) => c.name === name);
      if (cte !== undefined) {
        cte.references++;
        // Its query is not built yet: the reference stands inside it, or before it (then it counts as recursive too).
        if (cte.query === undefined) cte.recursive = true;
        return { kind: "cte", cte, ...named };
      }
    }
    const target = findTarget(rangeVar, this.context);
    if (target.kind === "catalog") {
      this.tree.catalogRelations.push({
        schema: rangeVar.schemaname,
        name,
        alias: rangeVar.alias?.aliasname ?? name,
        renamesColumns: rangeVar.alias?.colnames !== undefined,
      });
      return { kind: "catalog relation", ...named };
    }
    if (target.kind === "view") return this.view(target.relation, rangeVar, named, scope);
    const occurrence: Occurrence = { kind: "table", relation: target.relation, rangeVar, sampled, ...named };
    this.tree.occurrences.push(occurrence);
    return occurrence;
  }

  private view(
    relation: Relation,
    rangeVar: RangeVar,
    named: Pick<QueryItem, "block" | "alias" | "columnAliases">,
    scope: Scope,
  ): QueryItem {
    if (++this.viewDepth > viewDepthMax)
      throw pgError("54001", "stack depth limit exceeded", {
        detail: `View "${relation.name}" is nested too deeply.`,
      });
    const { text, select } = parseViewDefinition(relation);
    const item: Omit<QueryItem, "query"> & { query: Query } = {
      kind: "query",
      lateral: false,
      query: undefined as unknown as Query,
      view: { relation, rangeVar },
      ...named,
    };
    const unit = this.unit(text, select, { relation, within: scope.unit, item });
    item.query = unit.query;
    this.viewDepth--;
    return item;
  }

  /** Notes what expressions mention, and builds the queries inside them. */
  private expressions(
    nodes: readonly unknown[],
    scope: Scope,
    block: Block | undefined,
    sublinks: Query[],
  ): void {
    const { unit } = scope;
    const tree = this.tree;
    walk(nodes, (type, fields) => {
      switch (type) {
        case "SelectStmt":
          sublinks.push(this.query(fields as SelectStmt, scope));
          return false;
        case "SubLink": {
          const inner = fields["subselect"] as { SelectStmt?: SelectStmt } | undefined;
          // EXISTS (SELECT * FROM t): no column of t is looked at. Arms of UNION and GROUP BY do count columns.
          const plain = inner?.SelectStmt?.op === "SETOP_NONE" && inner.SelectStmt.groupClause === undefined;
          if (fields["subLinkType"] === "EXISTS_SUBLINK" && plain) this.existenceOnly.add(inner.SelectStmt!);
          return true;
        }
        case "A_Const": {
          const text = (fields["sval"] as { sval?: string } | undefined)?.sval;
          if (text?.trim().toLowerCase() === "now") tree.nowLiterals = true;
          if (text !== undefined && text.length < 60 && /\b(?:now|today|tomorrow|yesterday)\b/i.test(text))
            tree.timeLiterals = true;
          return false;
        }
        case "ColumnRef":
          tree.columnRefs.push({ node: fields as ColumnRef, block, unit });
          return false;
        case "FuncCall":
          tree.functionCalls.push({ node: fields, block, unit });
          return true;
        case "A_Expr":
          tree.operators.push({ node: fields as QueryTree["operators"][number]["node"], block, unit });
          return true;
        case "NullTest":
          tree.nullTests = true;
          return true;
        case "SQLValueFunction":
          tree.timeFunctions.push({
            node: fields as QueryTree["timeFunctions"][number]["node"],
            block,
            unit,
          });
          return false;
        case "TypeName":
          tree.typeNames.push({ node: fields, block, unit });
          return true;
        case "A_Indirection":
          for (const part of (fields["indirection"] ?? []) as Node[]) {
            if ("String" in part) tree.fieldNames.add(part.String.sval ?? "");
          }
          return true;
        default:
          return true;
      }
    });
  }
}

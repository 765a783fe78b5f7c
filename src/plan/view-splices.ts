/** Definitions in the place of views' names, and what a name's new place asks of the columns qualified by it. */
import type { Relation } from "../catalog/snapshot.ts";
import { quoteIdentifier } from "../sql/quote.ts";
import { applySplices } from "../sql/splice.ts";
import type { Splice } from "../sql/statement.ts";
import { transactionTimes } from "./transaction-times.ts";
import type { QueryItem, QueryTree, Unit } from "./query-tree.ts";
import { fieldsOf, namePlace, removeStar, replaceName, unqualifyColumn } from "./table-names.ts";

/** The views named in a text become subqueries; `splicesOf` says what changes inside their definitions. */
export function viewSplices(
  tree: QueryTree,
  unit: Unit,
  splicesOf: (inner: Unit) => readonly Splice[],
): Splice[] {
  const splices: Splice[] = [];
  for (const inner of tree.units) {
    if (inner.view === undefined || inner.view.within !== unit) continue;
    const { item } = inner.view;
    const place = namePlace(unit, item.block, item.view!.rangeVar);
    const { written, atTime } = definitionOf(tree, inner, splicesOf(inner));
    const alias = item.view!.rangeVar.alias === undefined ? item.alias : undefined;
    const [name, ...rest] = replaceName(place, written, undefined, false);
    splices.push(atTime === undefined ? name! : { ...name!, atTime }, ...rest, ...removeStar(unit, place));
    if (alias !== undefined) {
      // As a table, a view is called by its name; its columns are named anew in case the definition names them otherwise.
      splices.push({
        start: place.endOfExpression,
        end: place.endOfExpression,
        text: ` AS ${quoteIdentifier(alias)}${columnList(item) ?? ""}`,
      });
      if (place.tableCommand !== undefined) splices.push({ ...place.tableCommand, text: "SELECT * FROM" });
    }
  }
  return splices;
}

/** A view's definition as a subquery, and the same with places for the transaction's time if it asks for it. */
function definitionOf(
  tree: QueryTree,
  unit: Unit,
  splices: readonly Splice[],
): { written: string; atTime: string | undefined } {
  // The line break ends a comment that the definition might end in.
  const subquery = (all: readonly Splice[]): string => `(${applySplices(unit.text, all).toString("utf8")}\n)`;
  const times = transactionTimes(tree, unit).map(({ start, end, template }) => ({
    start,
    end,
    text: template.replaceAll("@", "\0"),
  }));
  const asks = times.length > 0 || splices.some((splice) => splice.atTime !== undefined);
  const timed = splices.map((splice) => ({ ...splice, text: splice.atTime ?? splice.text }));
  return { written: subquery(splices), atTime: asks ? subquery([...timed, ...times]) : undefined };
}

function columnList(item: QueryItem): string | undefined {
  const columns = item.view!.relation.columns;
  return columns.length === 0 ? undefined : ` (${columns.map((c) => quoteIdentifier(c.name)).join(", ")})`;
}

/** public.orders.id and public.orders.* lose their schema where the relation public.orders gets another name. */
export function schemaSplices(tree: QueryTree, unit: Unit, viewsOnly = false): Splice[] {
  const renamed = new Set<string>();
  for (const block of tree.blocks) {
    for (const item of block.items) {
      if (item.kind === "query" && item.view !== undefined)
        renamed.add(`${item.view.relation.schema}.${item.view.relation.name}`);
      if (item.kind === "table" && !viewsOnly) renamed.add(`${item.relation.schema}.${item.relation.name}`);
    }
  }
  return tree.columnRefs.flatMap(({ node, unit: own }) => {
    if (own !== unit) return [];
    const fields = fieldsOf(node);
    // schema.relation.column, database.schema.relation.column
    return fields.length >= 3 && renamed.has(`${fields.at(-3)}.${fields.at(-2)}`)
      ? unqualifyColumn(unit, node, 2)
      : [];
  });
}

/**
 * Two relations of one name without aliases: FROM a.t, b.t, or a.t.x beside b.t.y in a subquery. Their columns are told apart by
 * their schemas, which their new places do not have.
 */
export function hasSchemaHomonyms(tree: QueryTree): boolean {
  const homonyms = new Map<string, Set<Relation>>();
  const add = (key: string, relation: Relation): boolean => {
    const relations = homonyms.get(key) ?? new Set();
    homonyms.set(key, relations.add(relation));
    return relations.size > 1;
  };
  const qualified = tree.columnRefs.some(({ node }) => fieldsOf(node).length > 2);
  return tree.blocks.some((block, i) =>
    block.items.some((item) => {
      const relation =
        item.kind === "table" ? item.relation : item.kind === "query" ? item.view?.relation : undefined;
      const written =
        item.kind === "table" ? item.rangeVar : item.kind === "query" ? item.view?.rangeVar : undefined;
      if (relation === undefined || written?.alias !== undefined) return false;
      return add(qualified ? relation.name : `${i}.${relation.name}`, relation);
    }),
  );
}

/**
 * A view that reads with its owner's rights while row security hides rows of some table of the statement: a subquery in the
 * view's place would read with the rights of whoever asks.
 */
export function securedBehindView(tree: QueryTree): Relation | undefined {
  if (!tree.occurrences.some(({ relation }) => relation.rowSecurity)) return undefined;
  return tree.units.find(({ view }) => view !== undefined && !view.relation.securityInvoker)?.view?.relation;
}

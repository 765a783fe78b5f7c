/**
 * Which columns of a table a statement needs, by name and without asking what each name means: a column is needed when its
 * name stands anywhere as a column's. So no name can mean something else over the shipped table than over the whole one.
 */
import type { Node } from "@pgsql/types";
import type { Column } from "../catalog/snapshot.ts";
import { walk } from "../sql/walk.ts";
import { resolveColumn } from "./resolve-column.ts";
import { fieldsOf } from "./table-names.ts";
import { joinsOf } from "./join-path.ts";
import { columnOf, type Block, type Occurrence, type QueryTree } from "./query-tree.ts";

interface Mentioned {
  readonly names: ReadonlySet<string>;
  /** Names before a star, and names that stand for whole rows. */
  readonly wholeRows: ReadonlySet<string>;
  /** Levels with an unqualified star. */
  readonly starred: ReadonlySet<Block>;
}

const mentionedIn = new WeakMap<QueryTree, Mentioned>();

function mentioned(tree: QueryTree): Mentioned {
  const known = mentionedIn.get(tree);
  if (known !== undefined) return known;
  const found = { names: new Set<string>(), wholeRows: new Set<string>(), starred: new Set<Block>() };
  const aliases = new Set(tree.blocks.flatMap((b) => b.items.map((i) => i.alias)));
  for (const { node, block } of tree.columnRefs) {
    const fields = fieldsOf(node);
    const last = fields.at(-1)!;
    if (last !== "*") found.names.add(last);
    else if (fields.length === 1) {
      if (block?.onlyExistence === false) found.starred.add(block);
    } else {
      const qualifier = fields.at(-2)!;
      found.wholeRows.add(qualifier);
      // j.* of (a JOIN b …) AS j: all columns of what the join hides.
      if (!aliases.has(qualifier)) for (const b of tree.blocks) found.starred.add(b);
    }
  }
  for (const block of tree.blocks) {
    for (const join of joinsOf(block)) for (const name of join.using) found.names.add(name);
  }
  mentionedIn.set(tree, found);
  return found;
}

/** Does the statement use a row of this occurrence as one value? */
export function usesWholeRow(tree: QueryTree, occurrence: Occurrence): boolean {
  const { alias } = occurrence;
  return tree.columnRefs.some(({ node }) => {
    const fields = fieldsOf(node);
    const last = fields.at(-1)!;
    if (fields.length === 1) return last === alias;
    if (last === "*") return false;
    // o.late, a function of the row in a column's clothes.
    return fields.at(-2) === alias && columnOf(occurrence, last) === undefined && !systemColumns.has(last);
  });
}

export const systemColumns: ReadonlySet<string> = new Set([
  "tableoid",
  "ctid",
  "xmin",
  "xmax",
  "cmin",
  "cmax",
]);

/** Every column of the occurrence, when its row is used as one or a star or alias list shows them all. */
function needsAllColumns(tree: QueryTree, occurrence: Occurrence): boolean {
  const { wholeRows, starred } = mentioned(tree);
  return (
    tree.natural ||
    occurrence.columnAliases.length > 0 ||
    starred.has(occurrence.block) ||
    (occurrence.alias !== undefined && wholeRows.has(occurrence.alias)) ||
    usesWholeRow(tree, occurrence)
  );
}

export function neededColumns(tree: QueryTree, occurrence: Occurrence): readonly Column[] {
  const { columns } = occurrence.relation;
  if (needsAllColumns(tree, occurrence)) return columns;
  const { names } = mentioned(tree);
  return columns.filter((c) => names.has(c.name));
}

/** The primary key, when a level that reads the occurrence groups by all of it: other columns may then stand ungrouped. */
export function groupedPrimaryKey(occurrence: Occurrence): readonly string[] | undefined {
  const { groupClause, targetList } = occurrence.block.select;
  if ((groupClause?.length ?? 0) === 0) return undefined;
  const key = occurrence.relation.indexes.find((index) => index.primary)?.columns;
  if (key === undefined) return undefined;
  const names = new Set<string>();
  const targets = (targetList ?? []).flatMap((node) => ("ResTarget" in node ? [node.ResTarget] : []));
  const addTarget = (value: Node | undefined): void => {
    if (value !== undefined && "ColumnRef" in value) names.add(fieldsOf(value.ColumnRef).at(-1)!);
  };
  walk(groupClause, (type, fields) => {
    if (type === "A_Const")
      addTarget(targets[((fields["ival"] as { ival?: number } | undefined)?.ival ?? 0) - 1]?.val);
    if (type !== "ColumnRef") return true;
    const name = fieldsOf(fields).at(-1)!;
    const column = resolveColumn(fields, occurrence.block);
    if (column === undefined || column.item === occurrence) names.add(name);
    for (const target of targets) if (target.name === name) addTarget(target.val);
    return false;
  });
  const shown = (column: string): string => {
    const index = occurrence.relation.columns.findIndex((c) => c.name === column);
    return occurrence.columnAliases[index] ?? column;
  };
  return key.every((column) => names.has(shown(column)) || names.has(column)) ? key : undefined;
}

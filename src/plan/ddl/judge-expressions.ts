/**
 * Failure mode Q1 for what hides in a definition: defaults, checks, generated columns, index expressions and policies run
 * on data nodes, where a table that they read would be a part of itself. What reads tables, or cannot be opened, is refused.
 */
import type { SelectStmt } from "@pgsql/types";
import type { Relation, Snapshot } from "../../catalog/snapshot.ts";
import type { PgError } from "../../errors/pg-error.ts";
import { refusal, type RefusalId } from "../../errors/refusal.ts";
import { parseStatements } from "../../sql/parse.ts";
import { quoteQualified } from "../../sql/quote.ts";
import { buildQueryTree, type NameContext } from "../build-query-tree.ts";
import { openBody } from "../open-body.ts";
import { openFunctions } from "../open-functions.ts";
import type { TableDefinition } from "./table-definition.ts";

/** Throws when an expression over the table's columns (names qualified, as the catalog prints them) reads a table. */
export function judgeExpression(
  expression: string,
  relation: Relation,
  snapshot: Snapshot,
  id: RefusalId,
  what: string,
): void {
  const [statement] = parseStatements(
    `SELECT ${expression} FROM ${quoteQualified(relation.schema, relation.name)}`,
  );
  const { SelectStmt: select } = statement!.tree as { SelectStmt: SelectStmt };
  const context = { snapshot, searchPath: anySchema(snapshot) };
  const tree = buildQueryTree(statement!.text, select, context);
  const reads =
    tree.occurrences.length > 1 ||
    tree.catalogRelations.length > 0 ||
    openFunctions(tree, context).reads.size > 0;
  if (reads) throw refusal(id, `${what} of "${relation.name}".`);
}

/** Bodies of functions resolve their names when they run, by whatever search path is in force then. */
function anySchema(snapshot: Snapshot): readonly string[] {
  return [...snapshot.schemas];
}

export function judgeTableExpressions(table: TableDefinition, relation: Relation, snapshot: Snapshot): void {
  const judge = (expression: string, what: string) =>
    judgeExpression(expression, relation, snapshot, "expression-reads-table", what);
  for (const column of table.columns) {
    if (column.default !== null && !column.usesSequence)
      judge(column.default, `The default or generation of column "${column.name}"`);
  }
  for (const constraint of table.constraints)
    if (constraint.expression !== null) judge(constraint.expression, `The constraint "${constraint.name}"`);
  for (const index of table.indexes)
    for (const expression of index.expressions) judge(expression, `An expression of index "${index.name}"`);
}

/** The same for text with no table around it, such as a domain's check or a trigger's function. */
export function judgeText(text: string, snapshot: Snapshot, id: RefusalId, what: string): void {
  const searchPath = anySchema(snapshot);
  const body = openBody(text, { snapshot, searchPath });
  const refused = refusal(id, what);
  if (body.reads.length > 0 || body.dynamic || body.writes) throw refused;
  judgeCalls(body.calls, { snapshot, searchPath }, refused);
}

/** Throws `refused` when one of these functions reads a table. */
export function judgeCalls(
  calls: readonly (readonly string[])[],
  context: NameContext,
  refused: PgError,
): void {
  if (calls.length === 0) return;
  const list = calls.map((path) => `${path.map((name) => `"${name.replaceAll('"', '""')}"`).join(".")}()`);
  const [statement] = parseStatements(`SELECT ${list.join(", ")}`);
  const { SelectStmt: parsed } = statement!.tree as { SelectStmt: SelectStmt };
  if (openFunctions(buildQueryTree(statement!.text, parsed, context), context).reads.size > 0) throw refused;
}

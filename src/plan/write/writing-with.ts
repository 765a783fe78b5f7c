/**
 * WITH entries that write. Where one node holds the rows of everything that the statement touches, it runs there as it is;
 * elsewhere step by step (with-parts.ts).
 */
import type { CommonTableExpr, InsertStmt, Node, SelectStmt, WithClause } from "@pgsql/types";
import type { Relation } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import { planRead, type PlanContext } from "../plan-read.ts";
import type { DefaultKind, WritingWithPlan } from "../write-plan.ts";
import { deleteAsSelect, insertAsSelect, targetsOf, updateAsSelect } from "./as-select.ts";
import { defaulted, hasDefault } from "./defaults.ts";
import { keyNames } from "./key-assignments.ts";
import { findWriteTarget } from "./target.ts";
import { withParts } from "./with-parts.ts";

export function hasWritingWith(tree: Node): boolean {
  const [statement] = Object.values(tree) as { withClause?: WithClause }[];
  return (statement?.withClause?.ctes ?? []).some((node) => {
    const query = "CommonTableExpr" in node ? node.CommonTableExpr.ctequery : undefined;
    return query !== undefined && !("SelectStmt" in query);
  });
}

export function planWritingWith(statement: ParsedStatement, context: PlanContext): WritingWithPlan {
  const alone = unlessRefused(() => planAlone(statement, context));
  const parts = unlessRefused(() => withParts(statement));
  if (alone instanceof PgError && parts instanceof PgError) throw parts;
  return {
    kind: "write",
    command: "WITH",
    statement,
    alone: alone instanceof PgError ? undefined : alone,
    parts,
  };
}

function unlessRefused<T>(make: () => T): T | PgError {
  try {
    return make();
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
}

function planAlone(statement: ParsedStatement, context: PlanContext): NonNullable<WritingWithPlan["alone"]> {
  const translator = new Translator(context);
  const select = translator.statement(statement.tree);
  const reads = planRead(
    { ...statement, tree: { SelectStmt: select } },
    { ...context, snapshot: translator.snapshot },
  );
  if (reads.kind !== "read" || !reads.direct || translator.defaults.has("catalog"))
    throw refusal("writing-with-many-nodes");
  return { reads, asksTime: translator.defaults.has("time") };
}

/** Makes a SELECT of each part, with a stand-in for each table that is written. */
class Translator {
  private readonly context: PlanContext;
  snapshot: PlanContext["snapshot"];
  /** How the defaults that are asked for come about. */
  readonly defaults = new Set<DefaultKind>();

  constructor(context: PlanContext) {
    this.context = context;
    this.snapshot = context.snapshot;
  }

  statement(tree: Node): SelectStmt {
    const select = this.body(tree);
    const { withClause } = select;
    return withClause === undefined ? select : { ...select, withClause: this.with(withClause) };
  }

  private with(clause: WithClause): WithClause {
    const ctes = (clause.ctes ?? []).map((node): Node => {
      if (!("CommonTableExpr" in node)) return node;
      const entry: CommonTableExpr = node.CommonTableExpr;
      const query = entry.ctequery;
      if (query === undefined || "SelectStmt" in query) return node;
      return { CommonTableExpr: { ...entry, ctequery: { SelectStmt: this.statement(query) } } };
    });
    return { ...clause, ctes };
  }

  private body(tree: Node): SelectStmt {
    if ("SelectStmt" in tree) return tree.SelectStmt;
    if ("InsertStmt" in tree) {
      const { InsertStmt: insert } = tree;
      const target = this.target(insert.relation!);
      // Which shards the new rows belong to is not known before they are there.
      if (target.relation.distribution?.kind !== "single") throw refusal("writing-with-many-nodes");
      this.noteDefaults(insert, target.relation);
      return insertAsSelect(insert, target.rangeVar);
    }
    if ("UpdateStmt" in tree) {
      const { UpdateStmt: update } = tree;
      const target = this.target(update.relation!);
      const key = keyNames(target.relation);
      for (const assigned of targetsOf(update.targetList)) {
        if (key.includes(assigned.name ?? "")) throw refusal("writing-with-many-nodes");
        const column = target.relation.columns.find((c) => c.name === assigned.name);
        if (column !== undefined && hasDefault(column))
          this.defaults.add(defaulted(column, this.context.snapshot).kind);
      }
      return updateAsSelect(update, target.rangeVar);
    }
    if ("DeleteStmt" in tree)
      return deleteAsSelect(tree.DeleteStmt, this.target(tree.DeleteStmt.relation!).rangeVar);
    throw refusal("writing-with-many-nodes");
  }

  private target(rangeVar: NonNullable<InsertStmt["relation"]>): ReturnType<typeof findWriteTarget> {
    const target = findWriteTarget(rangeVar, { ...this.context, snapshot: this.snapshot });
    if (target.relation.distribution?.kind === "replicated") throw refusal("writing-with-many-nodes");
    this.snapshot = target.snapshot;
    return target;
  }

  /** Which columns an INSERT leaves out is not looked at closely: all their defaults count. */
  private noteDefaults(insert: InsertStmt, relation: Relation): void {
    const written = new Set(targetsOf(insert.cols).map((target) => target.name));
    const says = JSON.stringify(insert.selectStmt ?? null).includes('"SetToDefault"');
    for (const column of relation.columns)
      if (hasDefault(column) && (says || !written.has(column.name)))
        this.defaults.add(defaulted(column, this.context.snapshot).kind);
  }
}

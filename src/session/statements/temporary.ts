/**
 * Definitions of temporary objects: the client's own text on the session's own connection to the catalog node, and nowhere
 * else. CREATE TEMP TABLE … AS over users' tables makes the table first and fills it by INSERT … SELECT.
 */
import type { CreateStmt, DropStmt, Node } from "@pgsql/types";
import { findRelation } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import { partsOfCreateAs } from "../../execute/ddl/create-table-as.ts";
import { DdlStatement } from "../../execute/ddl/ddl-statement.ts";
import { runOnLease } from "../../execute/run-on-catalog.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import { classify, statementType } from "../../plan/classify.ts";
import { judgeCalls } from "../../plan/ddl/judge-expressions.ts";
import { createsInTemporary } from "../../plan/ddl/temporary-names.ts";
import { isTemporary, TEMPORARY_SCHEMA } from "../../plan/temporary.ts";
import { commandComplete } from "../../protocol/backend-messages.ts";
import { parseStatements } from "../../sql/parse.ts";
import { quoteIdentifier, quoteQualified } from "../../sql/quote.ts";
import { names, walk } from "../../sql/walk.ts";
import { planStatement } from "../plan-statement.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import { createdRelation, createdTemporary } from "../refused-temporaries.ts";
import type { Session } from "../session.ts";
import { contextOf } from "./ddl.ts";

interface Named {
  readonly schemaname?: string;
  readonly relname?: string;
}

/** Objects that belong to a relation: the last part of the name is theirs. */
const OF_RELATION = /^OBJECT_(?:TRIGGER|POLICY|RULE|COLUMN|TABCONSTRAINT)$/;
const RELATION = /^OBJECT_(?:TABLE|VIEW|SEQUENCE|INDEX|MATVIEW|FOREIGN_TABLE)$/;

/** Is the statement about temporary objects? Throws where it is about others too. */
export async function concernsTemporaries(
  session: Session,
  { statement }: PlannedStatement,
): Promise<boolean> {
  const { tree } = statement;
  if (createdTemporary(tree) !== undefined) return true;
  const created = createdRelation(tree);
  const unqualified = created !== undefined && created.schemaname === undefined;
  if (unqualified && createsInTemporary(session.transaction.settings.get("search_path"))) return true;
  if (!session.temporaries.active || classify(tree) === "create as") return false;
  const snapshot = await session.view.loadSnapshot();
  const path = await session.view.searchPath();
  const meant = namedIn(tree).map(({ schemaname, relname }) => {
    const relation = findRelation(snapshot, path, schemaname, relname ?? "");
    if (relation !== undefined) return isTemporary(relation);
    return (
      (schemaname ?? TEMPORARY_SCHEMA) === TEMPORARY_SCHEMA && session.temporaries.hasIndex(relname ?? "")
    );
  });
  if (!meant.includes(true)) return false;
  // A view over a temporary table is one itself.
  if (meant.includes(false) && !("ViewStmt" in tree)) throw refusal("temporary-mixed");
  return true;
}

/** The existing relations that a definition names. */
function namedIn(tree: Node): readonly Named[] {
  if ("DropStmt" in tree)
    return tree.DropStmt.objects?.flatMap((o) => ofPath(tree.DropStmt.removeType ?? "", o)) ?? [];
  if ("CommentStmt" in tree && tree.CommentStmt.object !== undefined)
    return ofPath(tree.CommentStmt.objtype ?? "", tree.CommentStmt.object);
  const fields = Object.values(tree)[0] as Readonly<Record<string, unknown>>;
  const found: Named[] = [];
  const stack: unknown[] = Object.entries(fields).flatMap(([key, value]) =>
    // What is being made does not exist yet.
    ("CreateStmt" in tree && key === "relation") || ("ViewStmt" in tree && key === "view") ? [] : [value],
  );
  while (stack.length > 0) {
    const item = stack.pop();
    if (typeof item !== "object" || item === null) continue;
    if ("relname" in item) found.push(item as Named);
    stack.push(...(Object.values(item) as unknown[]));
  }
  return found;
}

function ofPath(kind: string, object: NonNullable<DropStmt["objects"]>[number]): readonly Named[] {
  if (!("List" in object) || !(OF_RELATION.test(kind) || RELATION.test(kind))) return [];
  const path = names(object.List.items) ?? [];
  const own = OF_RELATION.test(kind) ? path.slice(0, -1) : path;
  const schema = own.at(-2);
  return [{ relname: own.at(-1) ?? "", ...(schema === undefined ? {} : { schemaname: schema }) }];
}

export async function runTemporaryDefinition(
  session: Session,
  planned: PlannedStatement,
  run: Run,
): Promise<Outcome> {
  const { statement } = planned;
  await judge(session, planned);
  if (classify(statement.tree) === "create as") {
    const outcome = await createAs(session, planned, run);
    if (outcome !== undefined) return outcome;
  }
  await session.temporaries.change(session);
  const lease = await session.transaction.lease("catalog", true);
  try {
    return await runOnLease(session.context, lease, statement, run);
  } finally {
    lease.release();
    session.temporaries.noteChange();
  }
}

/** What would run over the catalog node's shells of users' tables later on. */
async function judge(session: Session, { statement }: PlannedStatement): Promise<void> {
  const { tree, distribution } = statement;
  const type = statementType(tree);
  if (distribution !== undefined) throw refusal("temporary-object", "It has a DISTRIBUTE BY clause.");
  if (/^(?:CreateTrig|CreatePolicy|Rule|CreateStats)Stmt$/.test(type))
    throw refusal("temporary-object", `The statement is a ${type}.`);
  const snapshot = await session.view.loadSnapshot();
  const path = await session.view.searchPath();
  if ("CreateStmt" in tree) {
    for (const parent of parentsOf(tree.CreateStmt)) {
      const relation = findRelation(snapshot, path, parent.schemaname, parent.relname ?? "");
      if (relation !== undefined && !isTemporary(relation)) throw refusal("inherits");
    }
  }
  if (classify(tree) === "create as" || "ViewStmt" in tree) return;
  const calls: string[][] = [];
  walk(tree, (kind, fields) => {
    if (kind === "FuncCall") calls.push(names(fields["funcname"] as readonly Node[]) ?? []);
  });
  judgeCalls(
    calls,
    { snapshot, searchPath: path },
    refusal("expression-reads-table", "An expression of a temporary table"),
  );
}

function parentsOf(create: CreateStmt): readonly Named[] {
  return (create.inhRelations ?? []).flatMap((node) => ("RangeVar" in node ? [node.RangeVar] : []));
}

/** No user may write this name: names in the query mean what they meant before the new table was there. */
const UNNAMED = "pleiad#new";

/** Undefined: the query reads no user's table, or the table gets no rows; the text runs as it is. */
async function createAs(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome | undefined> {
  const { statement } = planned;
  const { transaction, output } = session;
  const target = quoteQualified(TEMPORARY_SCHEMA, UNNAMED);
  const { into, shell, query } = partsOfCreateAs(statement, target);
  if (into.skipData === true) return undefined;
  const [source] = parseStatements(query);
  if (source === undefined || classify(source.tree) !== "read")
    throw refusal("temporary-object", "The table is made from another statement than a query.");
  const { plan } = await planStatement(session, source, [], false);
  if (plan?.kind === "catalog") return undefined;
  const name = into.rel?.relname ?? "";
  const exists = findRelation(await session.view.loadSnapshot(), [], TEMPORARY_SCHEMA, name) !== undefined;
  await session.temporaries.change(session);
  run.preface.sendTo(output);
  const implicit = !transaction.active;
  if (implicit) transaction.begin("implicit", "BEGIN");
  const ddl = new DdlStatement(contextOf(session), statement, implicit);
  // PostgreSQL says that it is there.
  let tag = await ddl.onCatalog(exists ? partsOfCreateAs(statement).shell : shell);
  session.temporaries.noteChange();
  if (!exists) {
    const inserted = await ddl.context.runStatement(`INSERT INTO ${target} ${query}`);
    const connection = await ddl.connection("catalog");
    await connection.query(`ALTER TABLE ${target} RENAME TO ${quoteIdentifier(name)}`);
    session.temporaries.noteChange();
    tag = `SELECT ${inserted.split(" ").at(-1)}`;
  }
  if (implicit) await session.commit();
  output.push(commandComplete(tag));
  return { tag };
}

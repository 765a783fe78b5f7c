/** COPY in both directions between the client and tables, or from a query to the client. */
import { findRelation, type Column, type Relation } from "../../catalog/snapshot.ts";
import { PgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { readCopyFormat } from "../../execute/copy/copy-format.ts";
import { CopyIn } from "../../execute/copy/copy-in.ts";
import { refusedCopy } from "../../execute/copy/refused-copy.ts";
import { copyOutOnCatalog, copyQueryOut, copyTableOut } from "../../execute/copy/copy-out.ts";
import { queryRange, type CopyStatement } from "../../execute/copy/statement-parts.ts";
import { clientError } from "../../execute/client-error.ts";
import type { Outcome, Run } from "../../execute/run.ts";
import { requireSameDefinitions } from "../../execute/stale-plan.ts";
import { classify } from "../../plan/classify.ts";
import { commandComplete } from "../../protocol/backend-messages.ts";
import { names } from "../../sql/walk.ts";
import { planStatement } from "../plan-statement.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";
import { copyWrittenRows } from "./copy-written-rows.ts";
import { innerStatement } from "./inner-statement.ts";
import { refuseSettingCalls } from "./set-config.ts";

/** What COPY TO takes by name. */
const COPIED: ReadonlySet<string> = new Set(["table", "materialized view"]);

export async function runCopy(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const copy = (planned.statement.tree as { CopyStmt: CopyStatement }).CopyStmt;
  if (copy.filename !== undefined || copy.is_program === true) return refuseFile(session, planned);
  if (copy.query !== undefined) return copyQuery(session, planned, run);
  const snapshot = await session.view.loadSnapshot();
  const { schemaname, relname } = copy.relation!;
  const relation = findRelation(snapshot, await session.view.searchPath(), schemaname, relname!);
  if (relation !== undefined) session.watch.concern([relation]);
  const columns = relation === undefined ? undefined : namedColumns(relation, copy);
  if (copy.is_from !== true) {
    const { context } = session;
    // Tables of the catalog, views, columns that are not there: the catalog node copies, or says what is wrong.
    if (relation?.distribution === undefined || columns === undefined || !COPIED.has(relation.kind))
      return copyOutOnCatalog(context, planned.statement, false, run);
    return copyTableOut(context, planned.statement, relation, columns, run);
  }
  if (relation?.distribution === undefined || columns === undefined) return refuseTarget(session, planned);
  return copyFrom(session, planned, relation, columns, run);
}

/** A server's file: refused, but first PostgreSQL says whether the role might have one at all. */
async function refuseFile(session: Session, planned: PlannedStatement): Promise<Outcome> {
  const role = await currentRights(session);
  if (!role) {
    const { is_from, is_program } = (planned.statement.tree as { CopyStmt: CopyStatement }).CopyStmt;
    const lease = await session.transaction.leaseToAsk();
    try {
      // The server refuses before it opens anything, because the role lacks the right.
      await lease.connection.query(planned.statement.text.toString());
    } catch (error) {
      throw error instanceof PgError ? clientError(error, planned.statement, []) : error;
    } finally {
      lease.release();
    }
    throw refusal(
      "copy-server-file",
      is_program === true ? "A program." : is_from === true ? "A file to read." : "A file to write.",
    );
  }
  throw refusal("copy-server-file");
}

/** May the session's role reach files or programs of a server? */
async function currentRights(session: Session): Promise<boolean> {
  const lease = await session.transaction.leaseToAsk();
  try {
    const [row] = await lease.connection.query(
      `SELECT rolsuper OR pg_has_role(oid, 'pg_read_server_files', 'MEMBER') OR pg_has_role(oid, 'pg_write_server_files', 'MEMBER')
         OR pg_has_role(oid, 'pg_execute_server_program', 'MEMBER') FROM pg_roles WHERE rolname = current_user`,
    );
    return row?.[0] !== "f";
  } finally {
    lease.release();
  }
}

/** The columns of the data; undefined when the statement names one that is not there or is generated. */
function namedColumns(relation: Relation, copy: CopyStatement): readonly Column[] | undefined {
  const listed = names(copy.attlist);
  if (copy.attlist === undefined || listed === undefined)
    return relation.columns.filter((column) => column.generated === "");
  const columns: Column[] = [];
  for (const name of listed) {
    const column = relation.columns.find((candidate) => candidate.name === name);
    if (column === undefined || column.generated !== "" || columns.includes(column)) return undefined;
    columns.push(column);
  }
  return columns;
}

/** No table of the user's, or not with these columns: the catalog node words the error. */
async function refuseTarget(session: Session, planned: PlannedStatement): Promise<Outcome> {
  const { transaction } = session;
  const lease = await transaction.leaseToAsk();
  try {
    const error = await refusedCopy(lease.connection, planned.statement.text);
    if (error !== undefined) throw clientError(error, planned.statement, []);
    throw refusal("unknown-relation");
  } finally {
    lease.release();
  }
}

async function copyFrom(
  session: Session,
  planned: PlannedStatement,
  relation: Relation,
  columns: readonly Column[],
  run: Run,
): Promise<Outcome> {
  const { transaction, context } = session;
  const alone = transaction.kind === "none";
  // All or nothing over several nodes.
  if (alone) transaction.begin("implicit", "BEGIN");
  const copy = (planned.statement.tree as { CopyStmt: CopyStatement }).CopyStmt;
  const rows = await new CopyIn(context, planned.statement, copy, relation, columns, session.messages).run(
    run,
  );
  await requireSameDefinitions(context.definitions);
  if (alone) await session.commit();
  const tag = `COPY ${rows}`;
  context.output.push(commandComplete(tag));
  return { tag };
}

async function copyQuery(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { statement } = planned;
  const copy = (statement.tree as { CopyStmt: CopyStatement }).CopyStmt;
  const range = queryRange(statement.text);
  const inner = innerStatement(statement, copy.query!, range.start, range.end);
  const kind = classify(inner.tree);
  if (kind === "write") return copyWrittenRows(session, statement, inner, range, run);
  if (kind !== "read") return copyOutOnCatalog(session.context, statement, false, run);
  const { plan, description } = await planStatement(session, inner, [], false);
  // What the session knows was put into another text than the one that COPY sends.
  if (plan !== undefined && plan.statement !== inner) throw refusal("shell-statistics");
  if (plan?.kind === "catalog") refuseSettingCalls(plan.settingCalls);
  if (plan?.kind === "catalog") return copyOutOnCatalog(session.context, statement, plan.writes, run);
  if (readCopyFormat(copy.options).format === "binary") {
    const { userTypes } = session.view.snapshot();
    for (const field of description?.fields ?? []) {
      const type = userTypes.get(field.typeOid);
      if (type !== undefined && type.kind !== "enum" && type.kind !== "base")
        throw refusal("copy-binary-user-type", `Column ${field.name.toString()} is of type ${type.name}.`);
    }
  }
  if (plan?.kind !== "read") throw refusal("statement-kind");
  return copyQueryOut(session.context, statement, plan, range.start, run);
}

/**
 * COPY (INSERT | UPDATE | DELETE | MERGE … RETURNING …) TO STDOUT: the statement runs as it would by itself, and the rows
 * that it returns stand in its place in the COPY that a server then writes.
 */
import { pgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { readCopyFormat } from "../../execute/copy/copy-format.ts";
import { copyOut, copyOutOnCatalog } from "../../execute/copy/copy-out.ts";
import type { CopyStatement } from "../../execute/copy/statement-parts.ts";
import { ownRun, type Outcome, type Run } from "../../execute/run.ts";
import { CapturedOutput, TaglessOutput } from "../../execute/write/captured-output.ts";
import { runWrite } from "../../execute/write/run-write.ts";
import { commandComplete, type Field } from "../../protocol/backend-messages.ts";
import type { ParsedStatement, Splice } from "../../sql/statement.ts";
import { planStatement } from "../plan-statement.ts";
import type { Session } from "../session.ts";
import { entryOfRows } from "./rows-of-part.ts";

/** They are kept until the statement is done. */
const ROWS_MAX = 1_000_000;

/** `inner` stands at bytes [start, end) of the COPY. */
export async function copyWrittenRows(
  session: Session,
  outer: ParsedStatement,
  inner: ParsedStatement,
  { start, end }: { readonly start: number; readonly end: number },
  run: Run,
): Promise<Outcome> {
  const { context, transaction } = session;
  const { plan, description } = await planStatement(session, inner, [], false);
  if (plan?.kind !== "write") throw refusal("copy-of-write");
  const fields = description?.fields;
  // Without RETURNING PostgreSQL refuses the COPY before it runs anything.
  if (fields === undefined) return copyOutOnCatalog(context, outer, false, run);
  const { options } = (outer.tree as { CopyStmt: CopyStatement }).CopyStmt;
  if (readCopyFormat(options).format === "binary") throw refusal("copy-of-write");
  const alone = !transaction.active;
  if (alone) transaction.begin("implicit", "BEGIN");
  const captured = new CapturedOutput(session.output, ROWS_MAX);
  await runWrite({ ...context, output: captured }, plan, ownRun(fields));
  if (captured.overflown)
    throw pgError("54000", `COPY of more than ${ROWS_MAX} rows that a statement returns is not possible`);
  const splice = { start, end, text: rowsInPlace(session, fields, captured.rows) };
  const tag = await copyRows(session, outer, splice, run);
  if (alone) await session.commit();
  session.output.push(commandComplete(tag));
  return { tag };
}

/** As texts: what COPY writes of a value is its text. */
function rowsInPlace(session: Session, fields: readonly Field[], rows: CapturedOutput["rows"]): string {
  const columns = fields.map((field) => ({
    name: session.decode(field.name),
    type: "pg_catalog.text",
    collation: "",
  }));
  return `WITH ${entryOfRows(session, "returned", columns, rows)} TABLE returned`;
}

async function copyRows(session: Session, outer: ParsedStatement, splice: Splice, run: Run): Promise<string> {
  const { context, transaction } = session;
  const lease = await transaction.leaseToAsk();
  try {
    const output = new TaglessOutput(session.output);
    const { tag } = await copyOut({ ...context, output }, [lease], outer, [splice], run);
    return tag!;
  } finally {
    lease.release();
  }
}

/**
 * PREPARE, EXECUTE, DEALLOCATE. A prepared statement is the session's, not a server's: EXECUTE has its arguments evaluated
 * by the catalog node and then goes the way of an extended-protocol Execute with them.
 */
import { PgError, pgError } from "../../errors/pg-error.ts";
import { complete } from "../../execute/run-on-catalog.ts";
import { Preface, type Outcome, type Run } from "../../execute/run.ts";
import { rowDescription } from "../../protocol/backend-messages.ts";
import { textBindTail, type BindMessage } from "../../protocol/frontend-messages.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import { currentPlan } from "../current-plan.ts";
import { planQueryString } from "../plan-statement.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";
import { clientError } from "../../execute/client-error.ts";
import { prepareParts } from "../../sql/prepare-parts.ts";
import { isSymbol, nextToken } from "../../sql/tokens.ts";

export async function runPrepare(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const statement = (
    planned.statement.tree as { PrepareStmt: { name: string; argtypes?: readonly object[]; query: object } }
  ).PrepareStmt;
  if (session.prepared.has(statement.name))
    throw pgError("42P05", `prepared statement "${statement.name}" already exists`);
  const { bodyStart, typeList } = prepareParts(planned.statement.text);
  const types = typeList === undefined ? [] : await declaredTypes(session, planned.statement, typeList);
  // The text behind AS, at its own place in the client's string so that error positions are true.
  const text = Buffer.concat([Buffer.alloc(bodyStart, " "), planned.statement.text.subarray(bodyStart)]);
  let inner: PlannedStatement | undefined;
  try {
    inner = (await planQueryString(session, text, types, true))[0];
  } catch (error) {
    throw error instanceof PgError ? clientError(error, planned.statement, []) : error;
  }
  session.prepared.set({
    name: statement.name,
    text,
    declaredTypes: types,
    planned: inner,
    circumstances: session.transaction.settings.key,
    parameterTypes: inner?.description?.parameterTypes ?? [],
    preparedAt: new Date(),
    source: Buffer.concat([planned.statement.text, Buffer.from(";")]),
    fromSql: true,
  });
  return complete(session.context, run, "PREPARE");
}

/** OIDs of the types written in PREPARE, as the catalog node resolves them. */
async function declaredTypes(
  session: Session,
  statement: ParsedStatement,
  declared: string,
): Promise<readonly number[]> {
  const lease = await session.transaction.leaseToAsk();
  const name = helperName(session);
  try {
    // PostgreSQL reads the list: a prepared statement keeps the types of parameters that it does not use.
    await lease.connection.query(`PREPARE ${name} (${declared}) AS SELECT`);
    const rows = await lease.connection.query(
      `SELECT t::oid FROM pg_prepared_statements p, unnest(p.parameter_types) WITH ORDINALITY u (t, n) WHERE p.name = '${name}' ORDER BY n`,
    );
    await lease.connection.query(`DEALLOCATE ${name}`);
    return rows.map((row) => Number(row[0]));
  } catch (error) {
    throw error instanceof PgError ? clientError(error, statement, []) : error;
  } finally {
    lease.release();
  }
}

let helperCount = 0;

/** Name of a prepared statement of Pleiad's own on the catalog node; it lives only within one lease, unless that fails. */
function helperName(session: Session): string {
  return `pleiad_${session.client.processId}_${++helperCount}`;
}

export async function runExecute(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const statement = (planned.statement.tree as { ExecuteStmt: { name: string; params?: readonly object[] } })
    .ExecuteStmt;
  const prepared = session.prepared.get(statement.name);
  if (prepared === undefined) throw pgError("26000", `prepared statement "${statement.name}" does not exist`);
  const inner = await currentPlan(session, prepared);
  if (inner === undefined) throw pgError("26000", `prepared statement "${statement.name}" is empty`);
  const values = await evaluateArguments(
    session,
    planned.statement,
    prepared.parameterTypes,
    statement.params ?? [],
    prepared.name,
  );
  const fields = inner.description?.fields;
  const bind: BindMessage = {
    portal: "",
    statement: prepared.name,
    tail: textBindTail(values, run.bind?.resultFormats ?? []),
    parameterFormats: [],
    values: values.map((value) => (value === null ? null : Buffer.from(value))),
    resultFormats: run.bind?.resultFormats ?? [],
  };
  return session.runPlanned(inner, {
    ...run,
    bind,
    parameterTypes: prepared.parameterTypes,
    fields,
    preface:
      run.bind === undefined && fields !== undefined ? new Preface(rowDescription(fields, [])) : run.preface,
  });
}

/** EXECUTE's arguments are expressions: the catalog node evaluates them, coerced to the parameters' types as in an assignment. */
export async function evaluateArguments(
  session: Session,
  statement: ParsedStatement,
  types: readonly number[],
  written: readonly object[],
  name: string,
): Promise<readonly (string | null)[]> {
  if (written.length !== types.length)
    throw pgError("42601", `wrong number of parameters for prepared statement "${name}"`, {
      detail: `Expected ${types.length} parameters but got ${written.length}.`,
    });
  if (types.length === 0) return [];
  const { transaction } = session;
  const lease = await transaction.leaseToAsk();
  const helper = helperName(session);
  try {
    const typeNames = await lease.connection.query(
      `SELECT format_type(t.oid, NULL) FROM unnest(ARRAY[${types.join(",")}]::oid[]) WITH ORDINALITY t (oid, n) ORDER BY n`,
    );
    const list = types.map((_, i) => `$${i + 1}`).join(", ");
    await lease.connection.query(
      `PREPARE ${helper} (${typeNames.map((row) => row[0]).join(", ")}) AS SELECT ${list}`,
    );
    // Not the first byte that is one: the name, or a comment, may hold it too.
    let open = nextToken(statement.text, 0);
    while (open !== undefined && !isSymbol(statement.text, open, "("))
      open = nextToken(statement.text, open.end);
    const call = `EXECUTE ${helper} ${statement.text.subarray(open?.start).toString()}`;
    const [row] = await lease.connection.query(call);
    await lease.connection.query(`DEALLOCATE ${helper}`);
    return row!;
  } catch (error) {
    // A connection with the session's temporary objects stays.
    const dispensable = !transaction.active && !transaction.connections.temporary;
    if (!lease.connection.closed && dispensable) lease.connection.destroy("EXECUTE failed");
    throw error;
  } finally {
    lease.release();
  }
}

export async function runDeallocate(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { name } = (planned.statement.tree as { DeallocateStmt: { name?: string } }).DeallocateStmt;
  if (name === undefined) {
    session.prepared.clear();
    return complete(session.context, run, "DEALLOCATE ALL");
  }
  if (!session.prepared.delete(name)) throw pgError("26000", `prepared statement "${name}" does not exist`);
  return complete(session.context, run, "DEALLOCATE");
}

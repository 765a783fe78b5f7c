/**
 * Levels 1 and 2: the client's own text on one data node, or on several whose answers are concatenated. The text changes
 * in two ways only: the name of the one shard instead of the table's (cheaper to plan on the server), and the transaction's
 * one time instead of now() where several nodes have a part.
 */
import { PgError } from "../errors/pg-error.ts";
import type { ReadPlan } from "../plan/plan.ts";
import { commandComplete } from "../protocol/backend-messages.ts";
import { execute, query, sync } from "../protocol/frontend-messages.ts";
import { quoteQualified } from "../sql/quote.ts";
import { applySplices } from "../sql/splice.ts";
import type { ParsedStatement, Splice } from "../sql/statement.ts";
import type { Lease } from "../transaction/lease.ts";
import type { SessionSettings } from "../transaction/settings.ts";
import { Answer, AnswerScope } from "./answer.ts";
import { clientError } from "./client-error.ts";
import { preparedRequest, forgetPrepared } from "./prepared-request.ts";
import { Preface, type ExecutionContext, type Outcome, type PortalState, type Run } from "./run.ts";

/** A statement's text as it goes to a server. */
export interface NodeText {
  readonly sql: Buffer;
  /** Identifies the text among the prepared statements of a connection; undefined: not worth keeping. */
  readonly key: string | undefined;
  readonly splices: readonly Splice[];
}

/** Texts per shard, kept with the plan. */
const shardTexts = new WeakMap<ReadPlan, Map<number, NodeText>>();
let planCount = 0;
const planKeys = new WeakMap<object, string>();

/** A short name for a plan, unique in this process: prepared statements of different plans never meet. */
export function planKey(plan: object): string {
  let key = planKeys.get(plan);
  if (key === undefined) planKeys.set(plan, (key = `${++planCount}`));
  return key;
}

export function textForShard(plan: ReadPlan, shard: number | undefined): NodeText {
  const names = shard === undefined ? undefined : plan.shardNames;
  const slot = names === undefined ? -1 : shard!;
  let texts = shardTexts.get(plan);
  if (texts === undefined) shardTexts.set(plan, (texts = new Map()));
  let text = texts.get(slot);
  if (text === undefined) {
    const splices =
      names === undefined
        ? plan.directSplices
        : names.map((n) => ({
            start: n.start,
            end: n.end,
            text: quoteQualified(`${n.relation.schema}#${slot}`, n.relation.name),
          }));
    text = { sql: applySplices(plan.statement.text, splices), key: `${planKey(plan)}.${slot}`, splices };
    texts.set(slot, text);
  }
  return text;
}

/** Literals were read under the settings of the time: '{NULL}'::text[], '1.2.2024'::date. */
export function preparedKey(text: NodeText, settings: SessionSettings): string | undefined {
  if (text.key === undefined) return undefined;
  const meaning = settings.meaningKey;
  return meaning === "" ? text.key : `${text.key}.${meaning}`;
}

/** Runs a text on one node and passes the answer through. */
export async function runOnNode(
  context: ExecutionContext,
  node: string,
  writes: boolean,
  statement: ParsedStatement,
  text: NodeText,
  run: Run,
): Promise<Outcome> {
  const leased = context.transaction.lease(node, writes);
  const lease = leased instanceof Promise ? await leased : leased;
  if (run.rowsMax > 0) return runPortal(context, lease, statement, text, run);
  const answer = new Answer(
    lease.connection,
    context.output,
    new AnswerScope(context.output, run.preface, true),
  );
  await send(context, lease, writes, statement, text, run, answer, "", 0);
  lease.release();
  return { tag: answer.tag };
}

/** Sends, waits for the end, and throws the statement's error in the client's terms. Releases the lease only on error. */
async function send(
  context: ExecutionContext,
  lease: Lease,
  writes: boolean,
  statement: ParsedStatement,
  text: NodeText,
  run: Run,
  answer: Answer,
  portal: string,
  rowsMax: number,
): Promise<void> {
  const { connection } = lease;
  if (writes && lease.prelude !== undefined) {
    await lease.prelude;
    if (lease.preludeError !== undefined) {
      lease.release();
      throw lease.preludeError;
    }
  }
  const key = preparedKey(text, context.transaction.settings);
  if (run.bind === undefined) connection.send(query(text.sql), answer);
  else
    connection.send(
      preparedRequest(connection, key, text.sql, run.parameterTypes, run.bind.tail, portal, rowsMax),
      answer,
    );
  context.running.add(connection);
  await answer.done;
  context.running.delete(connection);
  const error = lease.preludeError ?? answer.error;
  if (error !== undefined) {
    if (run.bind !== undefined) {
      forgetPrepared(connection, key, error);
      if (!answer.bound) run.preface.drop();
    }
    lease.release();
    throw clientError(error, statement, text.splices);
  }
}

let portalCount = 0;

/** Execute with a row limit: the portal stays open on the backend, which the transaction keeps for the session. */
async function runPortal(
  context: ExecutionContext,
  lease: Lease,
  statement: ParsedStatement,
  text: NodeText,
  run: Run,
): Promise<Outcome> {
  const portal = `c${++portalCount}`;
  const answer = new Answer(
    lease.connection,
    context.output,
    new AnswerScope(context.output, run.preface, true),
  );
  await send(context, lease, true, statement, text, run, answer, portal, run.rowsMax);
  if (answer.suspended && run.portal !== undefined)
    keepPortal(context, lease, statement, text, portal, run.portal);
  return { tag: answer.tag };
}

/** Lets later Execute messages go on where this one stopped. */
export function keepPortal(
  context: ExecutionContext,
  lease: Lease,
  statement: ParsedStatement,
  text: NodeText,
  portal: string,
  state: PortalState,
): void {
  state.resume = async (rowsMax) => {
    const answer = new Answer(
      lease.connection,
      context.output,
      new AnswerScope(context.output, new Preface(undefined), true),
    );
    lease.connection.send(Buffer.concat([execute(portal, rowsMax), sync]), answer);
    context.running.add(lease.connection);
    await answer.done;
    context.running.delete(lease.connection);
    if (answer.error !== undefined) throw clientError(answer.error, statement, text.splices);
    return { tag: answer.tag };
  };
}

/** Level 2: the same text on several nodes at once; their rows are passed on as they come. */
export async function runGather(
  context: ExecutionContext,
  nodes: readonly string[],
  statement: ParsedStatement,
  text: NodeText,
  run: Run,
  rowsMax: number,
): Promise<Outcome> {
  // In order of name, so that two statements never wait for each other's connections.
  const leases: Lease[] = [];
  try {
    for (const node of nodes.toSorted()) leases.push(await context.transaction.lease(node, false));
  } catch (error) {
    for (const lease of leases) lease.release();
    throw error;
  }
  const scope = new AnswerScope(context.output, run.preface, false);
  scope.rowsLeft = rowsMax;
  const answers = leases.map((lease) => new Answer(lease.connection, context.output, scope));
  const results = await Promise.allSettled(
    leases.map((lease, i) =>
      send(context, lease, false, statement, text, run, answers[i]!, "", 0).catch((error: unknown) => {
        // The others have nothing to work for any more.
        leases.forEach((other, j) => {
          if (j !== i && context.running.has(other.connection)) void other.connection.cancel();
        });
        throw error;
      }),
    ),
  );
  const failed = results.findIndex((result) => result.status === "rejected");
  leases.forEach((lease, i) => {
    if (results[i]!.status === "fulfilled") lease.release();
  });
  if (failed >= 0) throw firstCause(results);
  scope.begin();
  const rows = answers.reduce((sum, answer) => sum + answer.rows, 0);
  const tag = `SELECT ${rows}`;
  context.output.push(commandComplete(tag));
  return { tag };
}

/** Of several nodes' errors the one that came by itself, not by our cancelling the others. */
export function firstCause(results: readonly PromiseSettledResult<unknown>[]): unknown {
  const reasons = results.filter((r) => r.status === "rejected").map((r) => r.reason as unknown);
  return reasons.find((reason) => !(reason instanceof PgError && reason.code === "57014")) ?? reasons[0];
}

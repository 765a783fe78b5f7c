/** Levels 1 and 2: the client's own text on one data node, or on several whose answers are concatenated. */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { commandComplete } from "../protocol/backend-messages.ts";
import { execute, sync } from "../protocol/frontend-messages.ts";
import { preludeDone, type Lease } from "../transaction/lease.ts";
import { Answer, AnswerScope } from "./answer.ts";
import { atOnce } from "./at-once.ts";
import { clientError } from "./client-error.ts";
import type { NodeText } from "./node-text.ts";
import {
  Preface,
  whileRunning,
  type ExecutionContext,
  type Outcome,
  type PortalState,
  type Run,
  type WorkplaceContext,
} from "./run.ts";
import { sendText } from "./send-text.ts";

let portalCount = 0;

/** Runs a text on one node and passes the answer through. */
export async function runOnNode(
  context: ExecutionContext,
  node: string,
  writes: boolean,
  text: NodeText,
  run: Run,
): Promise<Outcome> {
  const leased = context.transaction.lease(node, writes);
  const lease = leased instanceof Promise ? await leased : leased;
  // With a row limit the portal stays open on the backend, which the transaction keeps for the session.
  const portal = run.rowsMax > 0 ? `c${++portalCount}` : "";
  try {
    if (lease.prelude !== undefined && (writes || portal !== "")) await preludeDone(lease);
    const scope = new AnswerScope(context.output, run.preface, true);
    // What a single statement has written is committed by the time that its answer comes.
    const watched = !writes || context.transaction.active;
    const answer = await sendText(context, lease, text, run, scope, { portal, watched });
    // Outside a transaction the portal has gone with its statement.
    if (answer.suspended && run.portal !== undefined && context.transaction.active)
      keepPortal(context, lease.connection, text, portal, run.portal, answer.translate);
    return { tag: answer.tag };
  } finally {
    lease.release();
  }
}

/** Lets later Execute messages go on where this one stopped. */
export function keepPortal(
  context: WorkplaceContext,
  connection: BackendConnection,
  text: NodeText,
  portal: string,
  state: PortalState,
  translate: Answer["translate"],
): void {
  state.resume = async (rowsMax) => {
    const scope = new AnswerScope(context.output, new Preface(undefined), true);
    const answer = new Answer(connection, context.output, scope, translate);
    connection.send(Buffer.concat([execute(portal, rowsMax), sync]), answer);
    await whileRunning(context, connection, answer.done);
    if (answer.error !== undefined) throw clientError(answer.error, text.statement, text.splices);
    return { tag: answer.tag };
  };
}

/** Level 2: the same text on several nodes at once; their rows are passed on as they come. */
export async function runGather(
  context: ExecutionContext,
  nodes: readonly string[],
  text: NodeText,
  run: Run,
  rowsMax: number,
): Promise<Outcome> {
  const leases: Lease[] = [];
  try {
    // In order of name, so that two statements never wait for each other's connections.
    for (const node of nodes.toSorted()) leases.push(await context.transaction.lease(node, false));
    const scope = new AnswerScope(context.output, run.preface, false);
    scope.rowsLeft = rowsMax;
    const answers = await atOnce(context, leases, (lease) => sendText(context, lease, text, run, scope));
    scope.begin();
    const tag = `SELECT ${answers.reduce((sum, answer) => sum + answer.rows, 0)}`;
    context.output.push(commandComplete(tag));
    return { tag };
  } finally {
    for (const lease of leases) lease.release();
  }
}

/** How a statement that writes ends: in a transaction of its own over several nodes, or as one node's own statement. */
import { PgError, pgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { runOnNode } from "../direct.ts";
import type { NodeText } from "../node-text.ts";
import type { ExecutionContext, Outcome, Run } from "../run.ts";
import { TaglessOutput } from "./captured-output.ts";

export interface WriteOutcome extends Outcome {
  /** The tag is still to be sent, behind the commit of the transaction if `opened`. */
  readonly unsent: boolean;
  /** An implicit transaction was begun for the statement: the caller commits it. */
  readonly opened: boolean;
}

/** Begins the transaction of a statement that needs several nodes. */
export class Opener {
  private readonly context: ExecutionContext;
  /** The client's own transaction, or that of a pipeline or query string, was open before. */
  readonly wasActive: boolean;
  opened = false;

  constructor(context: ExecutionContext) {
    this.context = context;
    this.wasActive = context.transaction.active;
  }

  open(run: Run): void {
    if (run.rowsMax > 0 && run.fields !== undefined) throw refusal("write-rows-limit");
    if (this.wasActive || this.opened) return;
    this.context.transaction.begin("implicit", "BEGIN");
    this.opened = true;
  }
}

/** The node's own autocommit statement, or a statement of the transaction. */
export async function onOneNode(
  context: ExecutionContext,
  node: string,
  text: NodeText,
  run: Run,
  opener: Opener,
): Promise<Omit<WriteOutcome, "opened">> {
  // The tag acknowledges a commit.
  const own = opener.opened ? { ...context, output: new TaglessOutput(context.output) } : context;
  try {
    const outcome = await runOnNode(own, node, true, text, run);
    return { ...outcome, unsent: opener.opened };
  } catch (error) {
    // It may have been committed before the connection broke: nobody knows (row T12).
    if (!context.transaction.active && error instanceof PgError && error.code === "08006")
      throw pgError("08007", `${error.message}: the outcome of the statement is not known`, {
        hint: "Check whether the changes are there before running it again.",
      });
    throw error;
  }
}

/** Runs one block of the library on both sides, in sessions of its own, and judges it. */
import { loadModule, parseSync } from "libpg-query";
import { compareOutcomes, describeAnswer } from "./compare.ts";
import type { OracleSession, OracleSide, Outcome, Protocol } from "./capture.ts";
import type { Block, Step } from "./library.ts";
import { distribute, type Layout } from "./load.ts";

export interface BlockResult {
  readonly block: Block;
  /** broken: plain PostgreSQL itself does not do what the block says. */
  readonly kind: "same" | "refused" | "allowed" | "different" | "broken";
  /** Readable: the statement and where the answers part. */
  readonly report: string;
}

export interface RunOptions {
  readonly layout: Layout;
  readonly protocol: Protocol;
}

await loadModule();

/** True when the statement itself orders its rows. */
export function ordersRows(sql: string): boolean {
  try {
    const statement = parseSync(sql).stmts?.[0]?.stmt;
    return (
      statement !== undefined &&
      "SelectStmt" in statement &&
      (statement.SelectStmt.sortClause?.length ?? 0) > 0
    );
  } catch {
    return false;
  }
}

export async function runBlock(
  plain: OracleSide,
  subject: OracleSide,
  block: Block,
  options: RunOptions,
): Promise<BlockResult> {
  const sessions = new Map<number, readonly [OracleSession, OracleSession]>();
  const errors: string[] = [];
  let worst: BlockResult = { block, kind: "same", report: "" };
  try {
    for (const step of block.steps) {
      const pair = sessions.get(step.session) ?? ([await plain.session(), await subject.session()] as const);
      sessions.set(step.session, pair);
      const protocol = step.string || block.simple ? "simple" : options.protocol;
      const [left, right] = await Promise.all([
        runStep(pair[0], step, protocol, "none"),
        runStep(pair[1], step, protocol, options.layout),
      ]);
      errors.push(...left.answers.flatMap((answer) => (answer.error ? [answer.error.sqlstate] : [])));
      const verdict = compareOutcomes(left, right, {
        ordered: block.ordered || ordersRows(step.sql),
        messages: block.messages,
        shapeOnly: block.shape,
      });
      if (verdict.kind === "same" || worst.kind !== "same") continue;
      const kind = verdict.kind === "refused" && block.mayRefuse ? "allowed" : verdict.kind;
      worst = { block, kind, report: `${step.sql}\n${verdict.where}` };
      // What follows a refusal differs as a consequence.
      if (left.state === "-" || right.state === "-") {
        await dropLeftovers(block, plain, subject);
        break;
      }
    }
  } finally {
    for (const pair of sessions.values()) await Promise.all(pair.map((session) => session.close()));
  }
  if (errors.join() !== block.expect.join()) {
    return {
      block,
      kind: "broken",
      report: `plain gives errors [${errors.join()}], expected [${block.expect.join()}]`,
    };
  }
  return worst;
}

/** A lost connection must not make the blocks after this one fail too. */
async function dropLeftovers(block: Block, ...sides: readonly OracleSide[]): Promise<void> {
  for (const side of sides) {
    const session = await side.session();
    for (const { sql } of block.steps) if (/^DROP\b/i.test(sql)) await session.run(sql);
    await session.close();
  }
}

function runStep(session: OracleSession, step: Step, protocol: Protocol, layout: Layout): Promise<Outcome> {
  return session.run(distribute(step.sql, layout), protocol, step.copyIn);
}

export function showOutcome(outcome: Outcome): string {
  return outcome.answers.map(describeAnswer).join("; ");
}

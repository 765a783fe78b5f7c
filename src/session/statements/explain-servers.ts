/** Asks servers for their plans of parts of a statement. */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { PgError } from "../../errors/pg-error.ts";
import { clientError } from "../../execute/client-error.ts";
import type { NodeText } from "../../execute/node-text.ts";
import { whileRunning, type Run } from "../../execute/run.ts";
import { requestOnce } from "../../execute/send-text.ts";
import { actualRows, type ExplainFormat, type ExplainStep } from "../../plan/explain/distributed-plan.ts";
import { preludeDone, type Lease } from "../../transaction/lease.ts";
import type { Session } from "../session.ts";

/** One EXPLAIN under way. */
export interface Explaining {
  readonly session: Session;
  /** EXPLAIN with its options as the client wrote them. */
  readonly prefix: Buffer;
  readonly format: ExplainFormat;
  readonly analyze: boolean;
  /** EXPLAIN in the same format that executes nothing. */
  readonly fragmentPrefix: Buffer;
  readonly run: Run;
}

export async function explainThere(
  { session, prefix, run, format, analyze }: Explaining,
  lease: Lease,
  { statement, sql, splices }: NodeText,
): Promise<ExplainStep> {
  const { connection } = lease;
  const begun = performance.now();
  const ask = async (): Promise<string> => {
    await preludeDone(lease);
    return askServer(connection, Buffer.concat([prefix, sql]), run);
  };
  let plan: string;
  try {
    plan = await whileRunning(session.context, connection, ask());
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    throw clientError(error, statement, [{ start: 0, end: 0, text: prefix.toString() }, ...splices]);
  }
  const rows = analyze ? actualRows(plan, format) : undefined;
  return {
    title: `Fragment on ${connection.server.name}`,
    properties: [
      ["SQL", sql.toString().trim()],
      ...(rows === undefined ? [] : [["Rows", rows] as const]),
      ...(analyze ? [["Time", milliseconds(performance.now() - begun)] as const] : []),
    ],
    plan,
  };
}

export function milliseconds(ms: number): string {
  return `${ms.toFixed(3)} ms`;
}

/** The lines of a server's answer to EXPLAIN. */
export async function askServer(connection: BackendConnection, sql: Buffer, run: Run): Promise<string> {
  const rows = await connection.exchangeRows(requestOnce(connection, sql, run));
  return rows.map(([line]) => line).join("\n");
}

/** Asks servers for their plans of parts of a statement. */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { PgError } from "../../errors/pg-error.ts";
import { clientError } from "../../execute/client-error.ts";
import type { NodeText } from "../../execute/direct.ts";
import { preparedRequest } from "../../execute/prepared-request.ts";
import type { Run } from "../../execute/run.ts";
import { actualRows, type ExplainFormat, type ExplainStep } from "../../plan/explain/distributed-plan.ts";
import { readDataRow } from "../../protocol/backend-messages.ts";
import { parseErrorFields } from "../../protocol/error-response.ts";
import { query } from "../../protocol/frontend-messages.ts";
import { Backend } from "../../protocol/message-types.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
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

/** Explains a text on a server; `statement` is the one whose text was spliced. */
export async function explainThere(
  { session, prefix, run, format, analyze }: Explaining,
  lease: Lease,
  statement: ParsedStatement,
  text: NodeText,
): Promise<ExplainStep> {
  const { connection } = lease;
  const begun = performance.now();
  session.context.running.add(connection);
  let plan: string;
  try {
    await preludeDone(lease);
    plan = await askServer(connection, Buffer.concat([prefix, text.sql]), run);
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    throw clientError(error, statement, [{ start: 0, end: 0, text: prefix.toString() }, ...text.splices]);
  } finally {
    session.context.running.delete(connection);
  }
  const rows = analyze ? actualRows(plan, format) : undefined;
  return {
    title: `Fragment on ${connection.server.name}`,
    properties: [
      ["SQL", text.sql.toString().trim()],
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
export function askServer(connection: BackendConnection, sql: Buffer, run: Run): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    let error: PgError | undefined;
    connection.send(
      run.bind === undefined
        ? query(sql)
        : preparedRequest(connection, undefined, sql, run.parameterTypes, run.bind.tail, "", 0),
      {
        frame: (type, buffer, start, end) => {
          if (type === Backend.dataRow) lines.push(readDataRow(buffer, start, end)[0]!.toString());
          else if (type === Backend.errorResponse)
            error ??= new PgError(parseErrorFields(buffer, start + 5, end));
        },
        ready: () => (error === undefined ? resolve(lines.join("\n")) : reject(error)),
        lost: reject,
      },
    );
  });
}

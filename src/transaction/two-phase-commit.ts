/**
 * Commit of a transaction that has written on several nodes. All prepare; then the decision is made durable on the
 * catalog node; from then on the transaction is committed, whatever happens, and the nodes are told. A crash before
 * the decision leaves prepared transactions without a record: recovery.ts rolls them back; after it, commits them.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { PgError, pgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import { Status } from "../protocol/message-types.ts";

export interface CommitParticipant {
  readonly node: string;
  readonly connection: BackendConnection;
}

/** unknown: what is on record in the end decides. */
export type Outcome = "commit" | "roll back" | "unknown";

/** Where decisions are kept, and who finishes what could not be finished at once. */
export interface CommitLog {
  /** A name for the transaction's parts: ours, unique over all coordinators and restarts, at most 199 bytes. */
  nextName(): string;
  /** Makes the decision to commit durable. Throws when it is certain that it is not, 08007 when nobody knows. */
  decide(name: string, database: string, nodes: readonly string[]): Promise<void>;
  /** Every node has committed: the record may go. */
  forget(name: string): void;
  /** These nodes could not be told; their prepared transactions are ended as soon as they can be. */
  finishLater(name: string, database: string, nodes: readonly string[], outcome: Outcome): void;
}

export async function commitInTwoPhases(
  log: CommitLog,
  participants: readonly CommitParticipant[],
): Promise<void> {
  const name = log.nextName();
  const database = participants[0]!.connection.database;
  const prepared = await Promise.allSettled(participants.map((p) => p.connection.query(prepareSql(name))));
  const refused = prepared.find((r) => r.status === "rejected");
  if (refused !== undefined) {
    await undo(log, name, database, participants);
    throw cannotPrepare(refused.reason);
  }
  const nodes = participants.map((p) => p.node);
  try {
    await log.decide(name, database, nodes);
  } catch (error) {
    if (error instanceof PgError && error.code === "08007") {
      log.finishLater(name, database, nodes, "unknown");
      throw error;
    }
    await undo(log, name, database, participants);
    throw error;
  }
  const committed = await Promise.allSettled(
    participants.map((p) => p.connection.query(`COMMIT PREPARED '${name}'`)),
  );
  const late = participants.filter((_, i) => committed[i]!.status === "rejected");
  if (late.length === 0) log.forget(name);
  else
    log.finishLater(
      name,
      database,
      late.map((p) => p.node),
      "commit",
    );
}

/** PostgreSQL's word for what it does not prepare (row T7), in ours; any other failure as it is. */
function cannotPrepare(failure: unknown): unknown {
  if (!(failure instanceof PgError) || failure.code !== "0A000") return failure;
  if (!failure.message.startsWith("cannot PREPARE ")) return failure;
  return failure.message.includes("temporary")
    ? refusal("temporary-with-definitions")
    : refusal("cannot-prepare", `${failure.message}.`);
}

/** The statement that prepares, as servers show it while it runs. */
export function prepareSql(name: string): string {
  return `PREPARE TRANSACTION '${name}'`;
}

/** Rolls back what was prepared. A node whose answer was lost may have prepared: it is told when it is back. */
async function undo(
  log: CommitLog,
  name: string,
  database: string,
  participants: readonly CommitParticipant[],
): Promise<void> {
  const untold: string[] = [];
  await Promise.all(
    participants.map(async ({ node, connection }) => {
      try {
        await connection.query(
          connection.status === Status.idle ? `ROLLBACK PREPARED '${name}'` : "ROLLBACK",
        );
      } catch (error) {
        // 42704: it never was prepared here (PREPARE itself failed and ended the transaction).
        if (error instanceof PgError && error.code === "42704") return;
        connection.destroy("rollback failed");
        untold.push(node);
      }
    }),
  );
  if (untold.length > 0) log.finishLater(name, database, untold, "roll back");
}

/** For messages: what the client reads when the decision's own fate is unknown. */
export function unknownOutcome(cause: PgError): PgError {
  return pgError("08007", `the outcome of the transaction is not known: ${cause.message}`, {
    hint: "It is finished in the background, all or nothing; check whether the changes are there before running it again.",
  });
}

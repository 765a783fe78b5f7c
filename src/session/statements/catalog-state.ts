/**
 * Statements of the catalog node that touch what belongs to a session and not to a transaction: advisory locks of the
 * session, the last values of sequences, LISTEN. They run over a connection of the session's own.
 */
import { refusal } from "../../errors/refusal.ts";
import { discardStale, lastValuesOf } from "../../execute/write/last-values.ts";
import type { Outcome } from "../../execute/run.ts";
import type { CatalogPlan } from "../../plan/plan.ts";
import { walk } from "../../sql/walk.ts";
import type { Session } from "../session.ts";
import { listenOn } from "./notify.ts";

interface SessionState {
  readonly needsOwnConnection: boolean;
  /** For advisory locks and nothing else. */
  readonly onlyLocks: boolean;
  /** NOTIFY by a function: PREPARE TRANSACTION would refuse it, and there is nothing to prepare. */
  readonly notifies: boolean;
}

const OWN_CONNECTION =
  /^(pg_(try_)?advisory_(lock|unlock)(_shared|_all)?|currval|lastval|nextval|setval|pg_listening_channels)$/;
const ADVISORY = /advisory/;
const known = new WeakMap<CatalogPlan, SessionState>();

function stateOf(plan: CatalogPlan): SessionState {
  let state = known.get(plan);
  if (state === undefined) known.set(plan, (state = findState(plan)));
  return state;
}

function findState(plan: CatalogPlan): SessionState {
  let needsOwnConnection = plan.usesSequences;
  let onlyLocks = !plan.usesSequences;
  let notifies = false;
  walk(plan.statement.tree, (type, fields) => {
    if (type !== "FuncCall") return;
    const { funcname } = fields as { funcname?: readonly { String?: { sval?: string } }[] };
    const name = funcname?.at(-1)?.String?.sval ?? "";
    const ownConnection = OWN_CONNECTION.test(name);
    needsOwnConnection ||= ownConnection;
    if (ownConnection && !ADVISORY.test(name)) onlyLocks = false;
    notifies ||= name === "pg_notify";
  });
  return { needsOwnConnection, onlyLocks: needsOwnConnection && onlyLocks, notifies };
}

const LOCKS_HELD =
  "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()";

/** To be called before a catalog plan runs; says whether it writes in a way that a commit has to prepare. */
export async function prepareCatalogState(session: Session, plan: CatalogPlan): Promise<boolean> {
  const { needsOwnConnection, notifies } = stateOf(plan);
  const { transaction } = session;
  if (plan.readsLastValues && drewElsewhere(session)) throw refusal("last-value-of-insert");
  if (needsOwnConnection) {
    const own = await transaction.pin("catalog");
    listenOn(session, own);
    await discardStale(transaction, own);
  }
  return plan.writes && !notifies;
}

/** Are there last values that the session's own connection, which a function would ask, does not know? */
function drewElsewhere({ transaction }: Session): boolean {
  const { lost, last } = lastValuesOf(transaction);
  const own = transaction.connections.pinnedTo("catalog") ?? transaction.participant("catalog");
  return lost || (last !== undefined && own === undefined);
}

/** Runs a catalog plan; `run` hears whether it writes. */
export async function withCatalogState(
  session: Session,
  plan: CatalogPlan,
  run: (writes: boolean) => Promise<Outcome>,
): Promise<Outcome> {
  const { transaction } = session;
  const hadOwn = transaction.connections.pinnedTo("catalog") !== undefined;
  try {
    return await run(await prepareCatalogState(session, plan));
  } finally {
    // Who tried a lock in vain holds nothing; connections are few.
    if (stateOf(plan).onlyLocks && !hadOwn && !transaction.active) await unpinUnlessLocked(session);
  }
}

async function unpinUnlessLocked({ transaction }: Session): Promise<void> {
  const own = transaction.connections.pinnedTo("catalog");
  if (own === undefined) return;
  const [row] = await own.query(LOCKS_HELD);
  if (row?.[0] === "0") transaction.connections.unpinFrom("catalog");
}

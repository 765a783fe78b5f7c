/** A prepared statement is planned again when the catalog or the session's settings have changed since. */
import type { Snapshot } from "../catalog/snapshot.ts";
import { pgError } from "../errors/pg-error.ts";
import type { Field } from "../protocol/backend-messages.ts";
import { planQueryString } from "./plan-statement.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import type { PreparedStatement } from "./prepared-statement.ts";
import type { Session } from "./session.ts";

/** The statement's plan under today's catalog and search path. Throws 0A000 when its result would have other columns than it had. */
export function currentPlan(
  session: Session,
  prepared: PreparedStatement,
): PlannedStatement | undefined | Promise<PlannedStatement | undefined> {
  if (prepared.unplanned !== undefined) return planFirst(session, prepared, prepared.unplanned.fields);
  const known = prepared.planned;
  if (known?.plan === undefined) return known;
  const snapshot = session.view.loadSnapshot();
  if (holds(session, prepared, known, snapshot)) return known;
  return planAgain(session, prepared, known, snapshot);
}

function holds(
  session: Session,
  prepared: PreparedStatement,
  known: PlannedStatement,
  snapshot: Snapshot | Promise<Snapshot>,
): boolean {
  return (
    known.ofItsMoment !== true &&
    known.snapshot === snapshot &&
    prepared.circumstances === session.transaction.settings.key
  );
}

async function planFirst(
  session: Session,
  prepared: PreparedStatement,
  told: readonly Field[] | undefined,
): Promise<PlannedStatement | undefined> {
  const circumstances = session.transaction.settings.key;
  const [planned] = await planQueryString(session, prepared.text, prepared.parameterTypes, true);
  if (told !== undefined) requireSameFields(told, planned?.description?.fields);
  delete prepared.unplanned;
  prepared.planned = planned;
  prepared.circumstances = circumstances;
  return planned;
}

async function planAgain(
  session: Session,
  prepared: PreparedStatement,
  known: PlannedStatement,
  loading: Snapshot | Promise<Snapshot>,
): Promise<PlannedStatement | undefined> {
  if (holds(session, prepared, known, await loading)) return known;
  const circumstances = session.transaction.settings.key;
  const planned = (await planQueryString(session, prepared.text, prepared.parameterTypes, true))[0];
  requireSameResult(known, planned);
  prepared.planned = planned;
  prepared.circumstances = circumstances;
  return planned;
}

/** Throws 0A000 when a statement that was planned again has other result columns than it had. */
export function requireSameResult(known: PlannedStatement, planned: PlannedStatement | undefined): void {
  requireSameFields(known.description?.fields, planned?.description?.fields);
}

function requireSameFields(before: readonly Field[] | undefined, after: readonly Field[] | undefined): void {
  const same =
    before?.length === after?.length &&
    (before ?? []).every(
      (field, i) =>
        field.typeOid === after![i]!.typeOid &&
        field.typeModifier === after![i]!.typeModifier &&
        field.name.equals(after![i]!.name),
    );
  if (!same) throw pgError("0A000", "cached plan must not change result type");
}

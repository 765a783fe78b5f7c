/** A prepared statement is planned again when the catalog or the session's settings have changed since. */
import { pgError } from "../errors/pg-error.ts";
import { planQueryString } from "./plan-statement.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import type { PreparedStatement } from "./prepared-statement.ts";
import type { Session } from "./session.ts";

/** The statement's plan under today's catalog and search path. Throws 0A000 when its result would have other columns than it had. */
export async function currentPlan(
  session: Session,
  prepared: PreparedStatement,
): Promise<PlannedStatement | undefined> {
  const known = prepared.planned;
  if (known?.plan === undefined) return known;
  const circumstances = session.transaction.settings.key;
  if (
    known.ofItsMoment !== true &&
    known.snapshot === (await session.loadSnapshot()) &&
    prepared.circumstances === circumstances
  )
    return known;
  const planned = (await planQueryString(session, prepared.text, prepared.parameterTypes, true))[0];
  const before = known.description?.fields;
  const after = planned?.description?.fields;
  const same =
    before?.length === after?.length &&
    (before ?? []).every(
      (field, i) =>
        field.typeOid === after![i]!.typeOid &&
        field.typeModifier === after![i]!.typeModifier &&
        field.name.equals(after![i]!.name),
    );
  if (!same) throw pgError("0A000", "cached plan must not change result type");
  prepared.planned = planned;
  prepared.circumstances = circumstances;
  return planned;
}

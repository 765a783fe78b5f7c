/**
 * The table that a statement writes. For the read planner it gets a stand-in, a relation of its own under a name that no
 * statement can write: which rows are changed is one question, which rows of the same table are read is another.
 */
import type { RangeVar } from "@pgsql/types";
import { relationKey, type Relation, type Snapshot } from "../../catalog/snapshot.ts";
import { pgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { isSymbol, nextToken } from "../../sql/tokens.ts";
import { findTarget } from "../find-target.ts";
import type { PlanContext } from "../plan-read.ts";
import type { TargetName } from "../write-plan.ts";
import { endOfRelationName } from "../table-names.ts";

export interface WriteTarget {
  readonly relation: Relation;
  readonly standIn: Relation;
  /** The snapshot with the stand-in in it. */
  readonly snapshot: Snapshot;
  /** Names the stand-in; to be put in FROM. */
  readonly rangeVar: RangeVar;
}

/** A control character keeps the name apart from all that are written. */
const MARK = "\u0001";

export function findWriteTarget(rangeVar: RangeVar, context: PlanContext): WriteTarget {
  const found = findTarget(rangeVar, context);
  const written = `Relation "${rangeVar.relname ?? ""}".`;
  if (found.kind === "view") throw refusal("write-to-view", written);
  if (found.kind === "catalog") throw refusal("write-to-catalog", written);
  if (found.relation.kind === "materialized view")
    throw pgError("42809", `cannot change materialized view "${found.relation.name}"`);
  return withStandIn(rangeVar, found.relation, context.snapshot);
}

function withStandIn(rangeVar: RangeVar, relation: Relation, snapshot: Snapshot): WriteTarget {
  const standIn: Relation = { ...relation };
  let name = `${relation.name}${MARK}`;
  while (snapshot.relations.has(relationKey(relation.schema, name))) name += MARK;
  const relations = new Map(snapshot.relations);
  relations.set(relationKey(relation.schema, name), standIn);
  const alias = rangeVar.alias ?? { aliasname: rangeVar.relname ?? "" };
  return {
    relation,
    standIn,
    snapshot: { ...snapshot, relations },
    rangeVar: { ...rangeVar, relname: name, alias },
  };
}

export function targetName(text: Buffer, rangeVar: RangeVar): TargetName {
  const start = rangeVar.location ?? 0;
  const end = endOfRelationName(text, start, rangeVar);
  // DELETE FROM t *, DELETE FROM ONLY (t): the alias stands behind.
  const next = nextToken(text, end);
  const belongs = isSymbol(text, next, "*") || (rangeVar.inh !== true && isSymbol(text, next, ")"));
  const aliasAt = belongs ? next!.end : end;
  return { start, end, aliasAt, alias: rangeVar.alias === undefined ? rangeVar.relname : undefined };
}

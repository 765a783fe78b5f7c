/**
 * Which tables' rows FOR UPDATE and its kin lock, as PostgreSQL reads the clause: the tables of its level's FROM (or those that
 * OF names), and all tables of subqueries and views there; not those of WITH, and not those of subqueries in expressions.
 */
import type { LockingClause } from "@pgsql/types";
import type { Relation } from "../catalog/snapshot.ts";
import { pgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import type { FromItem, Query, QueryTree } from "./query-tree.ts";

export interface RowLock {
  /** FOR UPDATE … as it goes behind the fragment that reads the rows. */
  readonly sql: string;
  readonly skipsLocked: boolean;
}

const STRENGTHS = ["FOR KEY SHARE", "FOR SHARE", "FOR NO KEY UPDATE", "FOR UPDATE"] as const;
const STRENGTH_NAMES: Readonly<Record<string, number>> = {
  LCS_FORKEYSHARE: 0,
  LCS_FORSHARE: 1,
  LCS_FORNOKEYUPDATE: 2,
  LCS_FORUPDATE: 3,
};
const WAITS = ["", " SKIP LOCKED", " NOWAIT"] as const;
const WAIT_NAMES: Readonly<Record<string, number>> = { LockWaitBlock: 0, LockWaitSkip: 1, LockWaitError: 2 };

/** Strength and manner of waiting; of several clauses for one table each time the stricter. */
interface Strictest {
  strength: number;
  wait: number;
}

/** Throws a refusal where rows would be locked that belong to no table of the user's. */
export function rowLocks(tree: QueryTree): ReadonlyMap<Relation, RowLock> {
  const found = new Map<Relation, Strictest>();
  if (!tree.locking) return new Map();
  for (const block of tree.blocks) {
    for (const node of block.select.lockingClause ?? []) {
      if (!("LockingClause" in node)) continue;
      const clause = node.LockingClause;
      for (const item of block.items) if (isNamed(item, clause)) lockItem(item, clause, found);
    }
  }
  return new Map(
    [...found].map(([relation, { strength, wait }]) => [
      relation,
      { sql: `${STRENGTHS[strength]!}${WAITS[wait]!}`, skipsLocked: wait === 1 },
    ]),
  );
}

function isNamed(item: FromItem, { lockedRels }: LockingClause): boolean {
  if (lockedRels === undefined || lockedRels.length === 0) return true;
  return lockedRels.some((node) => "RangeVar" in node && node.RangeVar.relname === item.alias);
}

function lockItem(item: FromItem, clause: LockingClause, found: Map<Relation, Strictest>): void {
  if (item.kind === "query") lockQuery(item.query, clause, found);
  else if (item.kind === "catalog relation") throw refusal("for-update-of-catalog");
  else if (item.kind === "table") {
    if (item.relation.kind === "materialized view")
      throw pgError("42809", `cannot lock rows in materialized view "${item.relation.name}"`);
    const strength = STRENGTH_NAMES[clause.strength ?? ""] ?? 3;
    const wait = WAIT_NAMES[clause.waitPolicy ?? ""] ?? 0;
    const known = found.get(item.relation) ?? { strength, wait };
    found.set(item.relation, {
      strength: Math.max(known.strength, strength),
      wait: Math.max(known.wait, wait),
    });
  }
}

function lockQuery(query: Query, clause: LockingClause, found: Map<Relation, Strictest>): void {
  if (query.kind === "set operation") {
    lockQuery(query.left, clause, found);
    lockQuery(query.right, clause, found);
  } else for (const item of query.items) lockItem(item, clause, found);
}

/** What a session's running statement was planned for, and whether it still is so. */
import type { Relation, Snapshot } from "../catalog/snapshot.ts";
import type { Definitions } from "../execute/stale-plan.ts";
import { PgError } from "../errors/pg-error.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import type { Session } from "./session.ts";

type Plan = PlannedStatement["plan"];

const NO_RELATIONS: readonly Relation[] = [];

export class DefinitionWatch implements Definitions {
  private readonly session: Session;
  version = 0;
  private planned: PlannedStatement | undefined;
  /** Those that are not in its plan. */
  private others: readonly Relation[] = NO_RELATIONS;

  constructor(session: Session) {
    this.session = session;
  }

  /** A statement begins to run. */
  begin(planned: PlannedStatement): void {
    this.version = planned.version;
    this.planned = planned;
    this.others = NO_RELATIONS;
  }

  concern(relations: readonly Relation[]): void {
    this.others = [...this.others, ...relations];
  }

  /** The statement contains another one, with a plan of its own. */
  concernPlan(plan: Plan): void {
    this.concern(relationsOf(plan));
  }

  mayHaveChanged(): boolean {
    const { catalog } = this.session;
    return catalog.version !== this.version || !catalog.knows;
  }

  areChanging(): boolean {
    const { catalog } = this.session;
    return catalog.defining.othersThan(this.session) || !catalog.knows;
  }

  async haveChanged(): Promise<boolean> {
    const { session } = this;
    session.execution.enter("waiting for definitions");
    await session.catalog.settled();
    session.execution.enter("running");
    const { version } = session.catalog;
    const now = await session.view.permanentSnapshot();
    const { plan, snapshot: before } = this.planned!;
    const concerned = [...relationsOf(plan), ...this.others];
    const changed = concerned.some((relation) => isAnother(relation, before, now));
    if (!changed) this.version = version;
    return changed;
  }
}

function relationsOf(plan: Plan): readonly Relation[] {
  if (plan === undefined || plan.kind === "catalog") return NO_RELATIONS;
  if (plan.kind === "read") {
    const shipped = plan.general instanceof PgError ? [] : plan.general.tables.map((table) => table.relation);
    return [...plan.uses.map((use) => use.relation), ...shipped, ...plan.readByFunctions];
  }
  if (plan.command === "WITH") return plan.alone === undefined ? [] : relationsOf(plan.alone.reads);
  return [plan.target, ...relationsOf(plan.reads)];
}

/** Other columns, another place of its rows, or another table of that name in reach. */
function isAnother(relation: Relation, before: Snapshot, now: Snapshot): boolean {
  // Temporary tables are the session's own; a target's stand-in is told by its target.
  const known = before.relationsByOid.get(relation.oid);
  if (relation.persistence === "temporary" || known === undefined) return false;
  const present = now.relationsByOid.get(relation.oid);
  if (present === undefined || form(present) !== form(known)) return true;
  return namesakes(now, relation.name) !== namesakes(before, relation.name);
}

function form(relation: Relation): string {
  return JSON.stringify([
    relation.schema,
    relation.name,
    relation.kind,
    relation.columns,
    relation.distribution,
    relation.rowSecurity,
    relation.hasTriggers,
  ]);
}

function namesakes({ relations }: Snapshot, name: string): string {
  return [...relations.values()]
    .filter((relation) => relation.name === name && relation.persistence !== "temporary")
    .map(({ oid }) => oid)
    .toSorted((a, b) => a - b)
    .join();
}

/**
 * The coordinators of the cluster and what they announce to each other: tables of the catalog node (catalog/install-catalog.ts). Every
 * change has a number; who has seen a change acts on all announcements up to it. Each function is one statement, so one transaction.
 */
import type { Query } from "../catalog/query.ts";
import { quoteLiteral } from "../sql/quote.ts";

/** Where the others listen. */
export const CHANNEL = "pleiad_coordinators";

export interface RegisteredCoordinator {
  readonly epoch: number;
  /** Grows as long as it lives. */
  readonly renewed: number;
  /** Number of the last change that it acts on. */
  readonly seen: number;
}

export interface Announcement {
  readonly epoch: number;
  readonly topic: string;
  readonly value: number;
}

/** All at one moment. */
export interface RegistryState {
  readonly change: number;
  readonly coordinators: readonly RegisteredCoordinator[];
  readonly announcements: readonly Announcement[];
}

/** A change of the registry itself: the statements that make it are `parts`, common table expressions. */
function changing(parts: string, from: string, notifier: number): string {
  return `WITH ${parts}, bump AS (UPDATE pleiad.announced SET change = change + 1 ${from} RETURNING change)
    SELECT change, pg_notify('${CHANNEL}', '${notifier}') FROM bump`;
}

/** Takes out who was registered from the same data directory before: it is known to be dead. */
export async function takeOutPredecessors(query: Query, place: string): Promise<void> {
  await query(
    changing(
      `gone AS (DELETE FROM pleiad.coordinator WHERE place = ${quoteLiteral(place)} RETURNING epoch)`,
      "WHERE EXISTS (SELECT FROM gone)",
      0,
    ),
  );
}

/** A new registration. */
export async function register(
  query: Query,
  place: string,
  address: string,
): Promise<{ readonly epoch: number; readonly change: number }> {
  const rows = await query(
    `WITH new AS (INSERT INTO pleiad.coordinator (place, address) VALUES (${quoteLiteral(place)}, ${quoteLiteral(address)}) RETURNING epoch),
       bump AS (UPDATE pleiad.announced SET change = change + 1 RETURNING change)
     SELECT epoch, change, pg_notify('${CHANNEL}', epoch::text) FROM new, bump`,
  );
  return { epoch: Number(rows[0]![0]), change: Number(rows[0]![1]) };
}

export async function setAddress(query: Query, epoch: number, address: string): Promise<void> {
  await query(`UPDATE pleiad.coordinator SET address = ${quoteLiteral(address)} WHERE epoch = ${epoch}`);
}

/** Registrations that are valid now. */
export async function registeredEpochs(query: Query): Promise<ReadonlySet<number>> {
  const rows = await query("SELECT epoch FROM pleiad.coordinator");
  return new Set(rows.map(([epoch]) => Number(epoch)));
}

export async function readRegistry(query: Query): Promise<RegistryState> {
  const rows = await query(
    `SELECT json_build_object(
       'change', (SELECT change FROM pleiad.announced),
       'coordinators', (SELECT coalesce(json_agg(json_build_object('epoch', epoch, 'renewed', renewed, 'seen', seen)), '[]') FROM pleiad.coordinator),
       'announcements', (SELECT coalesce(json_agg(json_build_object('epoch', epoch, 'topic', topic, 'value', value)), '[]') FROM pleiad.announcement))`,
  );
  return JSON.parse(rows[0]![0]!) as RegistryState;
}

/** Says that this coordinator lives, and what it acts on. False: it was taken out. `tell`: somebody may be waiting for that. */
export async function renew(query: Query, epoch: number, seen: number, tell: boolean): Promise<boolean> {
  const rows = await query(
    `UPDATE pleiad.coordinator SET renewed = renewed + 1, seen = ${seen} WHERE epoch = ${epoch}
     RETURNING ${tell ? `pg_notify('${CHANNEL}', '${epoch}')` : "1"}`,
  );
  return rows.length > 0;
}

/** Takes a coordinator out unless it has renewed since. It waits for a decision that is just being written. */
export async function takeOut(
  query: Query,
  { epoch, renewed }: RegisteredCoordinator,
  self: number,
): Promise<boolean> {
  const rows = await query(
    changing(
      `gone AS (DELETE FROM pleiad.coordinator WHERE epoch = ${epoch} AND renewed = ${renewed} RETURNING epoch)`,
      "WHERE EXISTS (SELECT FROM gone)",
      self,
    ),
  );
  return rows.length > 0;
}

/**
 * Says something, or takes it back (undefined). Gives the number of the change, or undefined when this coordinator was taken out.
 * Throws 23505 when another coordinator commits what this one wants to commit.
 */
export async function announce(
  query: Query,
  epoch: number,
  topics: ReadonlyMap<string, number | undefined>,
): Promise<number | undefined> {
  const parts = [`me AS (SELECT epoch FROM pleiad.coordinator WHERE epoch = ${epoch} FOR KEY SHARE)`];
  const said = [...topics].filter(([, value]) => value !== undefined);
  const withdrawn = [...topics.keys()].filter((topic) => topics.get(topic) === undefined);
  if (said.length > 0)
    parts.push(
      `said AS (INSERT INTO pleiad.announcement (epoch, topic, value)
         SELECT me.epoch, t.topic, t.value FROM me, (VALUES ${said.map(([topic, value]) => `(${quoteLiteral(topic)}, ${value}::bigint)`).join(", ")}) AS t (topic, value)
         ON CONFLICT (epoch, topic) DO UPDATE SET value = EXCLUDED.value)`,
    );
  if (withdrawn.length > 0)
    parts.push(
      `withdrawn AS (DELETE FROM pleiad.announcement a USING me WHERE a.epoch = me.epoch AND a.topic IN (${withdrawn.map(quoteLiteral).join(", ")}))`,
    );
  const rows = await query(changing(parts.join(", "), "FROM me", epoch));
  return rows.length > 0 ? Number(rows[0]![0]) : undefined;
}

/** Forgets what coordinators had announced that were taken out and have nothing prepared any more. */
export async function forgetDead(query: Query, epochs: readonly number[], self: number): Promise<void> {
  await query(
    changing(
      `gone AS (DELETE FROM pleiad.announcement a WHERE epoch IN (${epochs.join(", ")})
         AND NOT EXISTS (SELECT FROM pleiad.coordinator c WHERE c.epoch = a.epoch) RETURNING 1)`,
      "WHERE EXISTS (SELECT FROM gone)",
      self,
    ),
  );
}

/** An orderly end: nothing is prepared, and nothing was announced that still holds. */
export async function unregister(query: Query, epoch: number): Promise<void> {
  await query(
    changing(
      `gone AS (DELETE FROM pleiad.coordinator WHERE epoch = ${epoch}), silent AS (DELETE FROM pleiad.announcement WHERE epoch = ${epoch})`,
      "",
      epoch,
    ),
  );
}

/** What belongs to a session: notifications, advisory locks, last values of sequences, locks of tables (row S11). */
import { expect, test } from "vitest";
import { ask, line } from "../sides/conversation.ts";
import { bothSides } from "../sides/both-sides.ts";
import { endpointOf, WireConnection } from "../wire/connection.ts";

const sides = bothSides([
  "CREATE TABLE keyed (k int PRIMARY KEY, v text) DISTRIBUTE BY HASH (k)",
  "CREATE TABLE other (n int) TO NODE (dn2)",
  "CREATE SEQUENCE numbers",
  "INSERT INTO keyed SELECT i, 'v' FROM generate_series(1, 20) i",
]);

type Turn = readonly [session: number, sql: string];

/** Several sessions that take turns; the same on both sides. */
async function sameTurns(...turns: readonly Turn[]): Promise<void> {
  const answers: string[][] = [];
  for (const url of [sides.plain.url, sides.pleiad.url]) {
    const sessions = new Map<number, WireConnection>();
    const lines: string[] = [];
    for (const [number, sql] of turns) {
      let session = sessions.get(number);
      if (session === undefined)
        sessions.set(number, (session = await WireConnection.connect(endpointOf(url))));
      // A notification may come before or behind ReadyForQuery: it is looked for by itself.
      lines.push(...(await ask(session, sql)).filter(({ type }) => type !== "A").flatMap(line));
    }
    for (const session of sessions.values()) await session.close();
    answers.push(lines);
  }
  expect(answers[1]).toEqual(answers[0]);
}

test("S11: advisory locks of session and transaction are one name space for all sessions", () =>
  sameTurns(
    [1, "SELECT pg_try_advisory_lock(42), pg_try_advisory_lock_shared(4, 2)"],
    [2, "SELECT pg_try_advisory_lock(42), pg_try_advisory_lock_shared(4, 2), pg_try_advisory_lock(4, 2)"],
    [1, "SELECT count(*) FROM keyed"],
    [1, "BEGIN"],
    [1, "SELECT pg_try_advisory_xact_lock(42), pg_try_advisory_xact_lock(43)"],
    [1, "COMMIT"],
    [2, "SELECT pg_try_advisory_lock(42), pg_try_advisory_lock(43)"],
    [1, "SELECT pg_advisory_unlock(42)"],
    [2, "SELECT pg_try_advisory_lock(42)"],
    [2, "DISCARD ALL"],
    [1, "SELECT pg_try_advisory_lock(42), pg_try_advisory_lock(43)"],
  ));

test("a block that has failed can be ended, and nothing else, whatever others have defined since", () =>
  sameTurns(
    ...["SELECT 1 / 0", "SELECT 1 / (k - k) FROM keyed"].flatMap((failing): Turn[] => [
      [1, "BEGIN"],
      [1, "SAVEPOINT a"],
      [1, failing],
      [2, "CREATE TABLE others (n int)"],
      [2, "DROP TABLE others"],
      [1, "SELECT k FROM keyed"],
      [1, "SELECT nothing FROM nowhere"],
      [1, "SELEC"],
      [1, "SAVEPOINT b"],
      [1, "ROLLBACK TO a"],
      [1, "SELECT count(*) FROM keyed"],
      [1, failing],
      [2, "CREATE TABLE others (n int)"],
      [2, "DROP TABLE others"],
      [1, "INSERT INTO keyed VALUES (100, 'x')"],
      [1, "ROLLBACK"],
      [1, "SELECT count(*) FROM keyed"],
      [1, "BEGIN"],
      [1, failing],
      [2, "CREATE TABLE others (n int)"],
      [2, "DROP TABLE others"],
      [1, "COMMIT"],
      [1, "SELECT count(*) FROM keyed"],
    ]),
  ));

test("S11: advisory locks go with the session that held them", async () => {
  const holder = await WireConnection.connect(endpointOf(sides.pleiad.url));
  await ask(holder, "SELECT pg_advisory_lock(77)");
  const other = await WireConnection.connect(endpointOf(sides.pleiad.url));
  const attempt = async (): Promise<string> =>
    (await ask(other, "SELECT pg_try_advisory_lock(77)")).flatMap(line)[0]!;
  expect(await attempt()).toBe('["f"]');
  holder.vanish();
  await expect.poll(attempt).toBe('["t"]');
  await other.close();
});

test("S11: notifications arrive in order, after commit only, also while the listener does nothing", async () => {
  const listener = await WireConnection.connect(endpointOf(sides.pleiad.url));
  const sender = await WireConnection.connect(endpointOf(sides.pleiad.url));
  await ask(listener, 'LISTEN "Ch"');
  await ask(sender, "BEGIN");
  await ask(sender, "NOTIFY \"Ch\", 'one'");
  await ask(sender, "UPDATE keyed SET v = 'w'");
  await ask(sender, "SELECT pg_notify('Ch', 'two')");
  expect((await ask(listener, "SELECT 1")).some(({ type }) => type === "A")).toBe(false);
  const committed = (await ask(sender, "COMMIT")).flatMap(line);
  expect(committed).toEqual(["COMMIT", "ready I"]);
  expect(line(await listener.next())).toEqual(["notification Ch one"]);
  expect(line(await listener.next())).toEqual(["notification Ch two"]);
  await ask(listener, "UNLISTEN *");
  await ask(sender, "NOTIFY \"Ch\", 'three'");
  expect((await ask(listener, "SELECT pg_sleep(0.2)")).some(({ type }) => type === "A")).toBe(false);
  await listener.close();
  await sender.close();
});

test("S11: currval and lastval are the session's own", () =>
  sameTurns(
    [1, "SELECT nextval('numbers')"],
    [2, "SELECT nextval('numbers')"],
    [1, "SELECT count(*) FROM keyed"],
    [1, "SELECT currval('numbers'), lastval()"],
    [2, "SELECT currval('numbers')"],
    [3, "SELECT currval('numbers')"],
    [3, "SELECT lastval()"],
    [2, "DISCARD SEQUENCES"],
    [2, "SELECT lastval()"],
  ));

test("LOCK TABLE locks on every node that holds rows", () =>
  sameTurns(
    [1, "LOCK TABLE keyed"],
    [1, "BEGIN"],
    [1, "LOCK TABLE keyed, other IN EXCLUSIVE MODE"],
    [2, "SELECT count(*) FROM keyed"],
    [2, "BEGIN"],
    [2, "LOCK TABLE keyed IN ROW EXCLUSIVE MODE NOWAIT"],
    [2, "ROLLBACK"],
    [2, "SET lock_timeout = '100ms'"],
    [2, "SELECT k FROM keyed WHERE k = 3"],
    [1, "COMMIT"],
    [2, "UPDATE keyed SET v = 'x' WHERE k = 3"],
    [1, "BEGIN"],
    [1, "LOCK TABLE nowhere"],
    [1, "ROLLBACK"],
  ));

test("pg_prepared_statements lists the session's own", () =>
  sameTurns(
    [1, "PREPARE mine (int) AS SELECT v FROM keyed WHERE k = $1;"],
    [2, "SELECT name FROM pg_prepared_statements"],
    [1, "SELECT name, statement, parameter_types, result_types, from_sql FROM pg_prepared_statements"],
    [1, "SELECT p.name FROM pg_catalog.pg_prepared_statements p WHERE p.from_sql"],
    [1, "DEALLOCATE mine"],
    [1, "SELECT count(*) FROM pg_prepared_statements"],
  ));

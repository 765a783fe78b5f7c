/**
 * The result cache: an answer that is kept is the one that the statement would give now, whoever has written since, in whatever way, in
 * whatever process (row N8 of the failure modes). That an answer was kept is seen by changing rows past Pleiad, on the data nodes.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { runSql } from "../../bench/run-sql.ts";
import { queryServer } from "../cluster/server-query.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { Client, summarise } from "../faults/fault-servers.ts";
import { bind, copyData, copyDone, execute, parse, query, sync } from "../wire/frames.ts";
import { until } from "./node-cluster.ts";

const CACHED = { "pleiad.result_cache": "on" };

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ set: { session_workers: "2" } });
  await runSql(
    cluster.client(),
    "CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL) DISTRIBUTE BY HASH (id)",
    "CREATE TABLE part (item int REFERENCES item ON DELETE CASCADE ON UPDATE CASCADE, n int) DISTRIBUTE BY HASH (item)",
    "CREATE TABLE owned (owner name, v int) DISTRIBUTE BY HASH (v)",
    "CREATE ROLE reader LOGIN",
    "CREATE ROLE other LOGIN",
    "GRANT SELECT ON item, owned TO reader",
    "GRANT SELECT ON owned TO other",
    "ALTER TABLE owned ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY own ON owned USING (owner = current_user)",
    "INSERT INTO owned VALUES ('reader', 1), ('other', 2)",
  );
  await reset();
});

afterEach(() => Client.vanishAll());

afterAll(async () => {
  await cluster?.destroy();
});

const reset = () =>
  runSql(
    cluster.client(),
    "DELETE FROM item",
    "INSERT INTO item SELECT g, 0 FROM generate_series(1, 8) g",
    "INSERT INTO part SELECT g, 1 FROM generate_series(1, 8) g",
  );

/** On the data nodes themselves: no coordinator knows. */
async function pastPleiad(sql: string): Promise<void> {
  for (const { name } of cluster.state().servers)
    if (cluster.server(name).kind === "data") await queryServer(cluster.server(name), sql);
}

interface Reader {
  ask(sql: string): Promise<string>;
}

async function simpleReader(settings: Record<string, string> = CACHED): Promise<Reader> {
  const client = await Client.connect(cluster.client(), settings);
  return { ask: async (sql) => shown(await client.ask(sql)) };
}

async function extendedReader(): Promise<Reader> {
  const client = await Client.connect(cluster.client(), CACHED);
  return {
    ask: async (sql) => {
      client.wire.send(parse("", sql), bind("", ""), execute(""), sync());
      return shown(summarise(await client.wire.until("Z")));
    },
  };
}

const shown = ({ rows, error }: Awaited<ReturnType<Client["ask"]>>): string =>
  error?.sqlstate ?? rows.map((row) => row.join("|")).join(", ");

/** Asks until the answer is one that is kept: writers whose end nobody has seen may have to end first. */
async function keptAnswer(reader: Reader, sql: string): Promise<string> {
  let before = "";
  await until(`an answer of ${sql} is kept`, async () => {
    // Nothing that was kept while rows were changed past Pleiad is left.
    await runSql(cluster.client(), "UPDATE part SET n = n WHERE item = -1");
    // Statements that come again get parameters for their literals.
    for (let i = 0; i < 4; i++) before = await reader.ask(sql);
    await pastPleiad("UPDATE item SET v = v + 1000");
    const now = await reader.ask(sql);
    await pastPleiad("UPDATE item SET v = v - 1000");
    return now === before;
  });
  return before;
}

const ALL = "SELECT i.id, i.v FROM item i ORDER BY id";

describe.each([
  ["simple", simpleReader],
  ["extended", extendedReader],
] as const)("%s protocol", (_, open) => {
  test("an answer is found again, by other sessions of whichever worker, in whichever way it is computed", async () => {
    await reset();
    for (const sql of [
      ALL,
      "SELECT v FROM item WHERE id = 3",
      "SELECT count(*), sum(v) FROM item WHERE v < 100000",
      "SELECT a.id, b.v FROM item a JOIN item b ON b.v = a.v AND b.id = 9 - a.id ORDER BY 1",
    ]) {
      const [one, two, three] = [await open(), await open(), await open()];
      const before = await keptAnswer(one, sql);
      await pastPleiad("UPDATE item SET v = v + 1000");
      expect([await two.ask(sql), await three.ask(sql)]).toEqual([before, before]);
      const uncached = await simpleReader({});
      expect(await uncached.ask(sql)).not.toBe(before);
      await pastPleiad("UPDATE item SET v = v - 1000");
    }
  });

  test("N8: no answer is found behind a write, made in whatever way by whatever process", async () => {
    const writes: readonly (readonly string[])[] = [
      ["INSERT INTO item VALUES (11, 1), (12, 2), (13, 3)"],
      ["UPDATE item SET v = v + 1 WHERE id = 11"],
      ["UPDATE item SET v = v + 1"],
      ["DELETE FROM item WHERE id = 12"],
      ["MERGE INTO item USING (VALUES (13)) s (id) ON item.id = s.id WHEN MATCHED THEN UPDATE SET v = 77"],
      ["WITH w AS (DELETE FROM item WHERE id = 13 RETURNING id) SELECT * FROM w"],
      ["BEGIN", "UPDATE item SET v = v + 1 WHERE id = 1", "UPDATE item SET v = v + 1 WHERE id = 2", "COMMIT"],
      [
        "BEGIN",
        "UPDATE item SET v = 5 WHERE id = 1",
        "SAVEPOINT s",
        "DELETE FROM item",
        "ROLLBACK TO s",
        "COMMIT",
      ],
      ["UPDATE item SET v = 6 WHERE id = 1; UPDATE item SET v = 7 WHERE id = 2"],
      ["PREPARE p AS UPDATE item SET v = v + $1", "EXECUTE p (3)", "DEALLOCATE p"],
      ["DO $$ BEGIN UPDATE item SET v = v + 1 WHERE id = 5; END $$"],
      ["EXPLAIN ANALYZE UPDATE item SET v = v + 1"],
      ["ALTER TABLE item ADD COLUMN extra int DEFAULT 5"],
      ["ALTER TABLE item DROP COLUMN extra"],
      ["ALTER TABLE item ALTER v TYPE int USING v * 2"],
      ["TRUNCATE item CASCADE"],
      ["INSERT INTO item SELECT g, g FROM generate_series(1, 8) g"],
    ];
    await reset();
    const [reader, writer] = [await open(), await Client.connect(cluster.client())];
    const uncached = await simpleReader({});
    for (const statements of writes) {
      const before = await keptAnswer(reader, ALL);
      for (const sql of statements) expect((await writer.ask(sql)).error, sql).toBeUndefined();
      const now = await reader.ask(ALL);
      expect(now, statements.join("; ")).toBe(await uncached.ask(ALL));
      if (!/extra/.test(statements[0]!)) expect(now, statements.join("; ")).not.toBe(before);
    }
    await keptAnswer(reader, ALL);
    writer.wire.send(query("COPY item FROM STDIN"));
    await writer.wire.until("G");
    writer.wire.send(copyData(Buffer.from("100\t1\n101\t2\n102\t3\n")), copyDone());
    await writer.wire.until("Z");
    expect(await reader.ask(ALL)).toMatch(/100\|1, 101\|2, 102\|3$/);
  });

  test("N8: rows that a foreign key's action writes", async () => {
    await reset();
    const [reader, writer] = [await open(), await Client.connect(cluster.client())];
    const parts = "SELECT count(*), sum(n) FROM part";
    expect(await reader.ask(parts)).toBe("8|8");
    expect(await reader.ask(parts)).toBe("8|8");
    await writer.ask("DELETE FROM item WHERE id <= 2");
    expect(await reader.ask(parts)).toBe("6|6");
  });

  test("N8: while a transaction that has written is open, what it finds is what others find", async () => {
    await reset();
    const [reader, writer] = [await open(), await Client.connect(cluster.client())];
    const before = await keptAnswer(reader, ALL);
    await writer.ask("BEGIN");
    await writer.ask("UPDATE item SET v = 9");
    expect(await reader.ask(ALL)).toBe(before);
    await writer.ask("ROLLBACK");
    expect(await reader.ask(ALL)).toBe(before);
    await writer.ask("BEGIN");
    await writer.ask("UPDATE item SET v = 9 WHERE id = 1");
    await reader.ask(ALL);
    await writer.ask("COMMIT");
    expect(await reader.ask(ALL)).toMatch(/^1\|9/);
  });
});

test("N8: rights are those of now, of each role its own, and row security is not passed by", async () => {
  await reset();
  const as = (user: string) => Client.connect({ ...cluster.client(), user }, CACHED);
  const [reader, other, owner] = [
    await as("reader"),
    await as("other"),
    await Client.connect(cluster.client()),
  ];
  for (let i = 0; i < 3; i++) {
    expect((await reader.ask(ALL)).rows).toHaveLength(8);
    expect((await other.ask(ALL)).error?.sqlstate).toBe("42501");
    expect(await reader.value("SELECT sum(v) FROM owned")).toBe("1");
    expect(await other.value("SELECT sum(v) FROM owned")).toBe("2");
  }
  await owner.ask("REVOKE SELECT ON item FROM reader");
  expect((await reader.ask(ALL)).error?.sqlstate).toBe("42501");
  await owner.ask("GRANT SELECT ON item TO reader");
  expect((await reader.ask(ALL)).rows).toHaveLength(8);
  await owner.ask("SET ROLE other");
  await owner.ask("SET pleiad.result_cache = on");
  expect((await owner.ask(ALL)).error?.sqlstate).toBe("42501");
});

test("an answer is of its settings and parameters", async () => {
  await reset();
  const client = await Client.connect(cluster.client(), CACHED);
  await client.ask("CREATE TABLE moment (id int, at timestamptz) DISTRIBUTE BY HASH (id)");
  await client.ask("INSERT INTO moment VALUES (1, '2024-01-01 12:00+00')");
  for (const [zone, hour] of [
    ["UTC", "12"],
    ["Asia/Tokyo", "21"],
    ["UTC", "12"],
  ] as const) {
    await client.ask(`SET TimeZone = '${zone}'`);
    for (let i = 0; i < 2; i++)
      expect(await client.value("SELECT to_char(at, 'HH24') FROM moment")).toBe(hour);
  }
  const asked = async (id: string, format: number) => {
    client.wire.send(
      parse("", "SELECT id FROM item WHERE id = $1 AND v = 0"),
      bind("", "", [id], [format]),
      execute(""),
      sync(),
    );
    const row = (await client.wire.until("Z")).find(({ type }) => type === "D");
    return row?.body.subarray(6).toString("hex");
  };
  for (let i = 0; i < 2; i++) {
    expect(await asked("1", 0)).toBe("31");
    expect(await asked("2", 0)).toBe("32");
    expect(await asked("1", 1)).toBe("00000001");
    expect(await asked("99", 0)).toBeUndefined();
  }
});

test.each([
  "SELECT v, random() < 0 FROM item WHERE id = 1",
  "SELECT v, now() IS NULL FROM item WHERE id = 1",
  "SELECT v, current_user FROM item WHERE id = 1",
  "SELECT v FROM item WHERE id = 1 AND 'today'::date > '2000-01-01'",
  "SELECT v FROM item WHERE id = 1 FOR UPDATE",
  "SELECT v FROM item, pg_class WHERE id = 1 AND relname = 'pg_class'",
])("not kept: %s", async (sql) => {
  await reset();
  const reader = await simpleReader();
  await keptAnswer(reader, ALL);
  await reader.ask(sql);
  await reader.ask(sql);
  const before = await reader.ask(sql);
  await pastPleiad("UPDATE item SET v = v + 1000");
  expect(await reader.ask(sql)).not.toBe(before);
  await pastPleiad("UPDATE item SET v = v - 1000");
});

test("only who asks for it gets it: by SET, by a startup option, by a rule for the role", async () => {
  await reset();
  await keptAnswer(await simpleReader(), ALL);
  const client = await Client.connect(cluster.client());
  const finds = async (one: Client) => {
    const before = shown(await one.ask(ALL));
    await pastPleiad("UPDATE item SET v = v + 1000");
    const now = shown(await one.ask(ALL));
    await pastPleiad("UPDATE item SET v = v - 1000");
    return now === before;
  };
  expect(await finds(client)).toBe(false);
  await client.ask("SET pleiad.result_cache = on");
  expect(await finds(client)).toBe(true);
  await client.ask("RESET pleiad.result_cache");
  expect(await finds(client)).toBe(false);
  await client.ask("CREATE ROLE ruled LOGIN");
  await client.ask("GRANT SELECT ON item TO ruled");
  expect((await client.ask("ALTER ROLE ruled SET pleiad.result_cache = on")).error).toBeUndefined();
  const ruled = await Client.connect({ ...cluster.client(), user: "ruled" });
  await until("the rule is followed", () => finds(ruled));
});

test("the counts are in pleiad.statistics", async () => {
  const reader = await simpleReader();
  await keptAnswer(reader, ALL);
  const client = await Client.connect(cluster.client());
  const sums =
    "SELECT sum(results_found) > 0, sum(results_kept) > 0, sum(results_refused) > 0 FROM pleiad.statistics";
  await until("the counts are there", async () => shown(await client.ask(sums)) === "t|t|t");
  expect(await client.value("SELECT count(*) FROM pleiad.shared_memory WHERE name = 'results'")).toBe("1");
});

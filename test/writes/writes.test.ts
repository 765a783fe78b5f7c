/** INSERT, UPDATE, DELETE, MERGE beside plain PostgreSQL, and what lies on the nodes afterwards. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { queryServer } from "../cluster/server-query.ts";
import { SideBySide } from "./side-by-side.ts";

let sides: SideBySide;

beforeAll(async () => {
  sides = await SideBySide.start();
});
afterAll(() => sides?.stop());
// A test that failed in a transaction leaves it to no other.
afterEach(() => sides.endTransactions());

/** A column of the first row, on each data node. */
async function onNodes(sql: string): Promise<unknown[]> {
  const answers = [];
  for (const node of ["dn1", "dn2"])
    answers.push(Object.values((await queryServer(sides.cluster.server(node), sql))[0]!)[0]);
  return answers;
}

beforeEach(() =>
  sides.all(
    "DROP TABLE IF EXISTS items, parts, places, codes, logs",
    "CREATE TABLE items (k int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0 CHECK (n >= 0)) DISTRIBUTE BY HASH (k)",
    "CREATE TABLE parts (k int REFERENCES items ON DELETE CASCADE, p int, v text, PRIMARY KEY (k, p)) DISTRIBUTE BY HASH (k)",
    "CREATE TABLE places (code text PRIMARY KEY, name text) DISTRIBUTE BY REPLICATION",
    "CREATE TABLE codes (region text, n int, v text DEFAULT 'd') DISTRIBUTE BY LIST (region) (SLICE a VALUES ('a'), SLICE r VALUES (DEFAULT))",
    "CREATE TABLE logs (at date, t text) DISTRIBUTE BY RANDOM",
    "INSERT INTO items SELECT i, 'v' || i, i % 7 FROM generate_series(1, 60) i",
    "INSERT INTO parts SELECT i, p, 'p' FROM generate_series(1, 60) i, generate_series(1, 3) p",
    "INSERT INTO places VALUES ('x', 'X'), ('y', 'Y'), ('z', NULL)",
  ),
);

describe("INSERT", () => {
  test("rows lie where their keys say, on both nodes, and nowhere twice", async () => {
    const counts = (await onNodes("SELECT count(*)::int FROM items")) as number[];
    expect(counts[0]! + counts[1]!).toBe(60);
    expect(Math.min(...counts)).toBeGreaterThan(10);
    expect(await onNodes("SELECT string_agg(code, '' ORDER BY code) FROM places")).toEqual(["xyz", "xyz"]);
  });

  test("parameters of every form", async () => {
    await sides.same("INSERT INTO items VALUES ($1, $2, $3), ($4, 'q', 1) RETURNING k, v, n", [
      901,
      "ü",
      5,
      902,
    ]);
    await sides.same("INSERT INTO items (v, k) VALUES ($1, $2 + 1) RETURNING *", ["e", 950]);
    await sides.same("INSERT INTO codes VALUES ($1, $2) RETURNING *", ["a", 1]);
    await sides.same("SELECT * FROM items WHERE k > 900");
  });

  test("violations come as PostgreSQL words them, and undo all rows of all nodes", async () => {
    const { error } = await sides.same(
      "INSERT INTO items VALUES (101, 'a'), (102, 'b'), (103, 'c'), (7, 'dup'), (104, 'd')",
    );
    expect(error?.["code"]).toBe("23505");
    await sides.all(
      "INSERT INTO items VALUES (105, 'x', -1)",
      "INSERT INTO items (v) VALUES ('no key')",
      "INSERT INTO items SELECT i, 'x', CASE WHEN i < 150 THEN 1 ELSE -1 END FROM generate_series(110, 150) i",
      "INSERT INTO parts VALUES (5000, 1, 'orphan')",
      "INSERT INTO places VALUES ('n', 'new'), ('x', 'dup')",
      "INSERT INTO items (k, n) VALUES (1, 'x')",
      "INSERT INTO items SELECT 2147483647 + k FROM items",
      "SELECT count(*), sum(k), sum(n) FROM items",
      "SELECT count(*) FROM places",
    );
  });

  test("ON CONFLICT and RETURNING over several nodes, also of a query", async () => {
    await sides.all(
      "INSERT INTO items AS t VALUES (1, 'A'), (2, 'B'), (300, 'C') ON CONFLICT (k) DO UPDATE SET v = excluded.v || t.v, n = t.n + 1 WHERE t.k <> 2 RETURNING *, old.v, new.v",
      "INSERT INTO items SELECT k * 2, 'twice' FROM items WHERE k BETWEEN 25 AND 35 ON CONFLICT (k) DO UPDATE SET v = items.v || '+' RETURNING k, v",
      "INSERT INTO items VALUES (1, 'x'), (1, 'y') ON CONFLICT (k) DO UPDATE SET v = excluded.v",
      "INSERT INTO items SELECT 500 + i % 2, 'x' FROM generate_series(1, 4) i ON CONFLICT DO NOTHING",
      "SELECT * FROM items",
    );
  });

  test("sequences: one number a row, over all nodes, and none when the statement is wrong", async () => {
    await sides.all(
      "DROP TABLE IF EXISTS numbered",
      "CREATE TABLE numbered (id bigserial PRIMARY KEY, g int GENERATED ALWAYS AS IDENTITY, v text DEFAULT 'd') DISTRIBUTE BY HASH (id)",
      "INSERT INTO numbered DEFAULT VALUES",
      "INSERT INTO numbered (v) VALUES ('a'), ('b'), (DEFAULT) RETURNING *",
      "INSERT INTO numbered (id, v) VALUES (DEFAULT, 'x'), (100, 'y') RETURNING *",
      "INSERT INTO numbered (v) SELECT v FROM items WHERE k <= 10 RETURNING g > 0",
      "INSERT INTO numbered (g) VALUES (1)",
      "INSERT INTO numbered (g) OVERRIDING SYSTEM VALUE VALUES (77) RETURNING g",
      "INSERT INTO numbered (g, v) OVERRIDING USER VALUE SELECT 78, 'u' RETURNING g",
      "SELECT count(*), count(DISTINCT id), count(DISTINCT g), max(id) FROM numbered",
    );
  });

  test("one time for all rows, their defaults and what RETURNING says", async () => {
    await sides.all(
      "DROP TABLE IF EXISTS timed",
      "CREATE TABLE timed (k int PRIMARY KEY, at timestamptz DEFAULT now(), d date DEFAULT current_date) DISTRIBUTE BY HASH (k)",
      "INSERT INTO timed (k) SELECT generate_series(1, 20)",
      "INSERT INTO timed (k) VALUES (21), (22), (23), (24), (25) RETURNING at = now(), d = current_date",
      "SELECT count(DISTINCT at) FROM timed",
      "BEGIN",
      "INSERT INTO timed (k) VALUES (31)",
      "INSERT INTO timed (k) VALUES (32), (33), (34)",
      "INSERT INTO timed (k) SELECT generate_series(35, 40)",
      "SELECT count(DISTINCT at) FROM timed WHERE k > 30",
      "UPDATE timed SET d = d WHERE k > 30 RETURNING at = now()",
      "COMMIT",
    );
  });

  test("from any query into any kind of table", async () => {
    await sides.all(
      "INSERT INTO codes SELECT CASE k % 3 WHEN 0 THEN 'a' ELSE 'b' || k END, k FROM items",
      "INSERT INTO logs SELECT date '2024-01-01' + n, region FROM codes",
      "INSERT INTO places SELECT DISTINCT region, 'p' FROM codes WHERE n < 20",
      "INSERT INTO items SELECT 1000 + row_number() OVER (ORDER BY code), name FROM places",
      "INSERT INTO items (v, k) SELECT * FROM (VALUES ('q', 2001), ('r', 2002)) x",
      "INSERT INTO codes (n) WITH w AS (SELECT max(k) AS m FROM items) SELECT m FROM w",
      "SELECT count(*), count(DISTINCT region), sum(n), min(v) FROM codes",
      "SELECT count(*), min(at), max(t) FROM logs",
      "SELECT * FROM places",
      "SELECT count(*), sum(k) FROM items",
    );
    const [first, second] = await onNodes(
      "SELECT md5(string_agg(code || coalesce(name, ''), ',' ORDER BY code)) FROM places",
    );
    expect(first).toBe(second);
  });
});

describe("UPDATE, DELETE, MERGE", () => {
  test("on one node, on all, and by what other nodes hold", async () => {
    await sides.all(
      "UPDATE items SET v = 'one' WHERE k = 5 RETURNING *",
      "UPDATE items SET n = n + 1 WHERE n > 2",
      "UPDATE items i SET v = p.v || p.p FROM parts p WHERE p.k = i.k AND p.p = 2 AND i.k < 9 RETURNING i.k, i.v",
      "UPDATE items SET n = (SELECT count(*) FROM parts WHERE parts.p = items.n) RETURNING k, n",
      "UPDATE items SET (v, n) = (SELECT name, 3 FROM places WHERE code = 'x'), k = k WHERE k IN (SELECT k + 1 FROM parts WHERE k < 4)",
      "UPDATE items SET n = DEFAULT, v = (SELECT max(v) FROM parts) WHERE k % 10 = 0 RETURNING old.n, new.n, k",
      "UPDATE items a SET v = b.v FROM items b WHERE b.k = a.k + 7 AND b.k < 20 RETURNING a.*, b.k",
      "DELETE FROM parts WHERE v IN (SELECT v FROM items) OR p = 3",
      "DELETE FROM items WHERE NOT EXISTS (SELECT FROM parts WHERE parts.k = items.k + 50) AND k > 40 RETURNING k",
      "DELETE FROM items i USING places x WHERE x.code = 'x' AND i.n = length(x.name) AND i.k < 4",
      "SELECT * FROM items",
      "SELECT count(*), sum(k) FROM parts",
    );
  });

  test("a changed key moves the row", async () => {
    await sides.all(
      "CREATE TABLE IF NOT EXISTS loose (k int, v text) DISTRIBUTE BY HASH (k)",
      "TRUNCATE loose",
      "INSERT INTO loose SELECT i, 'v' || i FROM generate_series(1, 50) i",
      "UPDATE loose SET k = k + 1",
      "UPDATE loose SET k = k * 10 WHERE k % 2 = 0 RETURNING k, v",
      "UPDATE codes SET region = 'a'",
      "INSERT INTO codes SELECT 'b' || i, i FROM generate_series(1, 9) i",
      "UPDATE codes SET region = 'a' WHERE n > 5 RETURNING *",
      "SELECT * FROM loose",
      "SELECT * FROM codes WHERE region = 'a'",
      "SELECT v FROM loose WHERE k = 180",
    );
    await expect(sides.pleiad("UPDATE items SET k = k + 1000")).rejects.toMatchObject({ code: "0A000" });
  });

  test("MERGE, all of its actions", async () => {
    await sides.all(
      "MERGE INTO items t USING parts s ON t.k = s.k AND s.p = 1 WHEN MATCHED AND t.k % 3 = 0 THEN UPDATE SET v = s.v WHEN MATCHED AND t.k > 50 THEN DELETE WHEN MATCHED THEN DO NOTHING",
      "MERGE INTO items t USING (VALUES (1, 'B'), (3, NULL), (99, 'I')) s (k, v) ON t.k = s.k WHEN MATCHED AND s.v IS NULL THEN UPDATE SET n = 9 WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.k, s.v) RETURNING merge_action(), t.*, old.v",
      "MERGE INTO items t USING places s ON t.v = s.name WHEN NOT MATCHED BY SOURCE AND t.k < 10 THEN UPDATE SET v = 'gone' WHEN NOT MATCHED THEN INSERT (k, v) VALUES (ascii(s.code), s.name)",
      "MERGE INTO places t USING (SELECT DISTINCT 'm' || n AS code FROM items) s ON t.code = s.code WHEN NOT MATCHED THEN INSERT VALUES (s.code, 'new')",
      "MERGE INTO items t USING parts s ON t.k = s.k WHEN MATCHED THEN UPDATE SET n = s.p",
      "SELECT * FROM items",
      "SELECT * FROM places",
    );
  });

  test("a replicated table is the same everywhere afterwards, and counts once", async () => {
    await sides.all(
      "UPDATE places SET name = name || (SELECT count(*) FROM items)",
      "DELETE FROM places WHERE code IN (SELECT 'y' FROM items WHERE k = 1) RETURNING *",
      "UPDATE places SET name = 'all'",
      "SELECT * FROM places",
    );
    const [first, second] = await onNodes("SELECT string_agg(code || name, ',' ORDER BY code) FROM places");
    expect(first).toBe(second);
  });

  test("errors on one node undo the others", async () => {
    await sides.all(
      "UPDATE items SET n = n - 1 WHERE n > 0 OR k = 7",
      "UPDATE items SET n = 10 / abs(k - 33)",
      "UPDATE items SET v = (SELECT max(v) FROM parts), n = -1 WHERE k = 3",
      "DELETE FROM items WHERE 1 / (k - 17) > 5",
      "SELECT count(*), sum(n) FROM items",
    );
  });

  test("WITH that writes, where one node has all", async () => {
    await sides.all(
      "CREATE TABLE IF NOT EXISTS boxed (k int, v text) TO NODE (dn2)",
      "INSERT INTO boxed VALUES (1, 'a'), (2, 'b')",
      "WITH d AS (DELETE FROM boxed WHERE k = 1 RETURNING *) INSERT INTO boxed SELECT k + 10, v FROM d RETURNING *",
      "WITH u AS (UPDATE items SET n = 5 WHERE k = 3 RETURNING k, n) SELECT * FROM u",
      "DROP TABLE boxed",
    );
  });
});

describe("transactions", () => {
  test("see their own writes by every path, and undo them to a savepoint or wholly", async () => {
    await sides.all(
      "BEGIN",
      "INSERT INTO items VALUES (801, 'a'), (802, 'b'), (803, 'c')",
      "SELECT count(*) FROM items WHERE k > 800",
      "SAVEPOINT s",
      "UPDATE items SET v = (SELECT count(*) FROM items)::text WHERE k > 800 RETURNING v",
      "INSERT INTO items VALUES (1, 'dup')",
      "ROLLBACK TO s",
      "DELETE FROM items WHERE k = 802",
      "SELECT k, v FROM items WHERE k > 800",
      "COMMIT",
      "SELECT k, v FROM items WHERE k > 800",
      "BEGIN",
      "DELETE FROM parts",
      "UPDATE places SET name = 'lost'",
      "ROLLBACK",
      "SELECT count(*) FROM parts",
      "SELECT * FROM places",
    );
  });

  test("several statements in one string are one", async () => {
    await sides.all("SELECT count(*) FROM items");
    await expect(
      sides.pleiad("UPDATE items SET n = 50").then(() => sides.pleiad("SELECT 1")),
    ).resolves.toBeDefined();
    const client = await sides.connect();
    await expect(
      client.query("UPDATE items SET n = 51; INSERT INTO items VALUES (1, 'dup')"),
    ).rejects.toMatchObject({ code: "23505" });
    expect((await client.query("SELECT max(n) AS n FROM items")).rows).toEqual([{ n: 50 }]);
    await client.end();
  });

  test("currval() after an INSERT: within a transaction and without", async () => {
    const client = await sides.connect();
    await client.query(
      "DROP TABLE IF EXISTS told; CREATE TABLE told (n serial PRIMARY KEY, v text) DISTRIBUTE BY HASH (n)",
    );
    const first = await client.query("INSERT INTO told (v) VALUES ('a') RETURNING n");
    expect((await client.query("SELECT lastval() AS n")).rows).toEqual([
      { n: String((first.rows[0] as { n: number }).n) },
    ]);
    await client.query("BEGIN");
    const { rows } = await client.query("INSERT INTO told (v) VALUES ('b'), ('c') RETURNING n");
    const last = Math.max(...rows.map((row: { n: number }) => row.n));
    expect((await client.query("SELECT currval('told_n_seq') AS n, lastval() AS l")).rows).toEqual([
      { n: String(last), l: String(last) },
    ]);
    await client.query("COMMIT");
    await client.query("INSERT INTO told (v) VALUES ('d')");
    expect((await client.query("SELECT currval('told_n_seq') AS n")).rows).toEqual([{ n: String(last + 1) }]);
    await client.end();
  });
});

test("many writers at once: nothing lost, nothing doubled, copies alike, nobody waits for ever", async () => {
  await sides.pleiad("DROP TABLE IF EXISTS drawn");
  await sides.pleiad("CREATE TABLE drawn (n serial PRIMARY KEY, v text) DISTRIBUTE BY HASH (n)");
  await sides.pleiad("UPDATE items SET n = 0");
  let everywhere = 0;
  const writer = async (w: number): Promise<void> => {
    const client = await sides.connect();
    for (let i = 0; i < 20; i++) {
      const code = String.fromCharCode(97 + ((w * 7 + i * 3) % 26));
      switch ((w + i) % 5) {
        case 0:
          await client.query("UPDATE items SET n = n + 1");
          everywhere++;
          break;
        case 1:
          await client.query(
            "INSERT INTO places VALUES ($1, '1') ON CONFLICT (code) DO UPDATE SET name = coalesce(places.name, '') || $2",
            [code, i],
          );
          break;
        case 2:
          await client.query("DELETE FROM places WHERE length(name) > $1", [(w + i) % 9]);
          break;
        case 3:
          await client.query("INSERT INTO drawn (v) VALUES ('a'), ('b'), ('c')");
          break;
        default:
          await client.query("UPDATE places SET name = (SELECT max(v) FROM parts) || $1 WHERE code = $2", [
            i,
            code,
          ]);
      }
    }
    await client.end();
  };
  await Promise.all(Array.from({ length: 10 }, (_, w) => writer(w)));
  expect((await sides.pleiad("SELECT min(n), max(n) FROM items")).rows).toEqual([[everywhere, everywhere]]);
  expect((await sides.pleiad("SELECT count(*)::int, count(DISTINCT n)::int FROM drawn")).rows).toEqual([
    [120, 120],
  ]);
  const [first, second] = await onNodes(
    "SELECT coalesce(string_agg(code || ':' || name, ',' ORDER BY code), '') FROM places",
  );
  expect(first).toBe(second);
  expect(await onNodes("SELECT count(*)::int FROM pg_prepared_xacts")).toEqual([0, 0]);
});

import { beforeAll, describe, expect, test } from "vitest";
import { initializeParser } from "../sql/parse.ts";
import { openBody } from "./open-body.ts";
import { shopSnapshot, table } from "./testing/shop-snapshot.ts";

beforeAll(initializeParser);

const numbers = { ...table("numbers", undefined, "last_value  bigint"), kind: "sequence" as const };
const context = {
  snapshot: shopSnapshot({ relations: [numbers], operators: ["<~>"] }),
  searchPath: ["public"],
};
const open = (body: string): ReturnType<typeof openBody> => openBody(body, context);

describe("Q1: what a body touches", () => {
  test("tables, by their own names", () => {
    const body = open(
      "SELECT count(*) FROM orders o JOIN \"customers\" USING (tenant_id) -- stores\n WHERE note <> 'products'",
    );
    expect(body.reads.map((r) => r.name)).toEqual(["orders", "customers"]);
    expect(body).toMatchObject({
      readsQualified: false,
      writes: false,
      dynamic: false,
      leavesCursor: false,
      readsCatalogs: false,
    });
  });

  test("a schema in front of a table, but not a table in front of a column", () => {
    expect(open("SELECT orders.total FROM public.orders").readsQualified).toBe(true);
    expect(open("SELECT orders.total FROM orders").readsQualified).toBe(false);
  });

  test.each([
    "INSERT INTO settings VALUES (1)",
    "WITH d AS (DELETE FROM orders RETURNING 1) SELECT 1",
    "BEGIN UPDATE orders SET total = 1; END",
    "BEGIN\n COMMIT; END",
    "BEGIN IF a THEN LOCK orders; END IF; END",
    "SELECT 1 FROM orders FOR UPDATE",
  ])("writes: %s", (body) => expect(open(body).writes).toBe(true));

  test.each([
    "BEGIN EXECUTE 'SELECT 1'; END",
    "BEGIN RETURN QUERY EXECUTE q; END",
    "SELECT * FROM U&\"!006frders\" UESCAPE '!'",
    "SELECT query_to_xml('SELECT 1', true, true, '')",
    "SELECT pg_table_size('orders')",
  ])("not to be opened: %s", (body) => expect(open(body).dynamic).toBe(true));

  test.each([
    ["DECLARE r refcursor := 'x'; BEGIN OPEN r FOR SELECT 1; RETURN r; END", true],
    ["BEGIN OPEN $1 NO SCROLL FOR SELECT 1; RETURN 1; END", true],
    ["DECLARE c CURSOR FOR SELECT 1; BEGIN OPEN c; RETURN c; END", true],
    ["DECLARE c CURSOR FOR SELECT 1; n int; BEGIN OPEN c; FETCH c INTO n; CLOSE c; RETURN n; END", false],
    ["BEGIN FOR r IN SELECT open FROM orders LOOP RETURN NEXT r; END LOOP; END", false],
  ])("leaves a cursor to its caller: %s: %s", (body, leaves) => expect(open(body).leavesCursor).toBe(leaves));

  test.each(["SELECT nextval('numbers')", "SELECT set_config('a.b', '1', false)"])(
    "changes the catalog node: %s",
    (body) => expect(open(body).writesCatalogs).toBe(true),
  );

  test.each([
    "SELECT relname FROM pg_class",
    "SELECT 'orders'::regclass",
    "SELECT * FROM information_schema.tables",
    "SELECT last_value FROM numbers",
  ])("reads the catalog node: %s", (body) => expect(open(body).readsCatalogs).toBe(true));

  test("calls and operators", () => {
    const body = open("SELECT f(a), s.g (b), now() WHERE a <~> b < 3");
    expect(body.calls).toEqual([["f"], ["s", "g"], ["now"]]);
    expect(body.userOperator).toBe(true);
    expect(open("SELECT a + b").userOperator).toBe(false);
  });

  test("words of commands may be names", () => {
    expect(open("SELECT comment, lock, copy FROM stores WHERE do = 1").writes).toBe(false);
  });
});

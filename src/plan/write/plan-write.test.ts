import { beforeAll, describe, expect, test } from "vitest";
import { PgError } from "../../errors/pg-error.ts";
import { initializeParser, parseStatements } from "../../sql/parse.ts";
import { shopSnapshot } from "../testing/shop-snapshot.ts";
import type { InsertPlan, ModifyPlan, WritePlan } from "../write-plan.ts";
import { planWrite } from "./plan-write.ts";
import { sourceToDescribe } from "./source-width.ts";

const snapshot = shopSnapshot();

beforeAll(initializeParser);

function plan(sql: string, parameterTypes: readonly number[] = []): WritePlan {
  const context = { snapshot, searchPath: ["public"], parameterTypes, transformNullEquals: false };
  return planWrite(parseStatements(sql)[0]!, context);
}

const insert = (sql: string, types: readonly number[] = []) => plan(sql, types) as InsertPlan;
const modify = (sql: string, types: readonly number[] = []) => plan(sql, types) as ModifyPlan;

function refusedWith(sql: string): string | undefined {
  try {
    plan(sql);
    return undefined;
  } catch (error) {
    return error instanceof PgError ? error.message : String(error);
  }
}

describe("rows of VALUES are placed by constants and parameters", () => {
  const keys = (sql: string, types: readonly number[] = []) =>
    insert(sql, types).rows?.rows.map((row) => row.key);

  test("in the order of the distribution columns, whatever the column list says", () => {
    expect(keys("INSERT INTO pairs (c, b, a) VALUES (1, 'x', 2), (3, 'y', 4)")).toEqual([
      [
        { from: "literal", text: "2" },
        { from: "literal", text: "x" },
      ],
      [
        { from: "literal", text: "4" },
        { from: "literal", text: "y" },
      ],
    ]);
  });

  test("a parameter counts when its type is the column's own", () => {
    expect(keys("INSERT INTO order_lines VALUES ($1, 1, 1, 1, 1)", [23])).toEqual([
      [{ from: "parameter", number: 1 }],
    ]);
    expect(keys("INSERT INTO order_lines VALUES ($1, 1, 1, 1, 1)", [20])).toEqual([[undefined]]);
  });

  test("7.5 for an integer is rounded by PostgreSQL: not known here", () => {
    expect(keys("INSERT INTO order_lines VALUES (7.5, 1, 1, 1, 1)")).toEqual([[undefined]]);
  });

  test("NULL and a key that is left out are NULL and the default", () => {
    expect(keys("INSERT INTO orders (tenant_id, id) VALUES (NULL, 1)")).toEqual([
      [{ from: "literal", text: null }],
    ]);
    expect(keys("INSERT INTO orders (id) VALUES (1)")).toEqual([["default"]]);
  });

  test("an expression is not known", () => {
    expect(keys("INSERT INTO stores (region, id, name) VALUES (lower('X'), 1, 'n')")).toEqual([[undefined]]);
  });
});

test("other sources have no rows that could be placed", () => {
  expect(insert("INSERT INTO pairs (a, b) SELECT tenant_id, 'x' FROM orders").rows).toBeUndefined();
  expect(insert("INSERT INTO pairs (a, b) VALUES (1, 'x'), (2, 'y') ORDER BY 1").rows).toBeUndefined();
  expect(insert("WITH q AS (SELECT 1) INSERT INTO pairs (a, b) VALUES (1, 'x')").rows).toBeUndefined();
});

test("a stage has the columns that the source gives, not all", () => {
  expect(insert("INSERT INTO pairs SELECT tenant_id, 'x' FROM orders").columns.map((c) => c.name)).toEqual([
    "a",
    "b",
  ]);
  const [starred] = parseStatements(
    "WITH o AS (SELECT 1, 'x') INSERT INTO pairs AS p OVERRIDING SYSTEM VALUE SELECT * FROM o ON CONFLICT DO NOTHING",
  );
  expect(sourceToDescribe(starred!)?.toString().replaceAll(/\s+/g, " ")).toBe(
    "WITH o AS (SELECT 1, 'x') SELECT * FROM o ",
  );
});

describe("an upsert", () => {
  test("may write the distribution column's own value", () => {
    expect(
      refusedWith("INSERT INTO products (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = excluded.id"),
    ).toBeUndefined();
  });
  test("may not move the row", () => {
    expect(
      refusedWith("INSERT INTO products (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = products.id + 1"),
    ).toMatch(/distribution column/);
  });
});

describe("rows move", () => {
  test.each([
    ["UPDATE orders SET tenant_id = 5 WHERE tenant_id = 4", true],
    ["UPDATE orders SET tenant_id = 5 WHERE tenant_id = 5", false],
    ["UPDATE orders SET tenant_id = $1 WHERE tenant_id = $1", false],
    ["UPDATE orders SET tenant_id = $2 WHERE tenant_id = $1", true],
    ["UPDATE orders SET tenant_id = tenant_id, note = 'x'", false],
    ["UPDATE orders o SET tenant_id = c.tenant_id FROM customers c WHERE c.id = o.customer_id", true],
    ["UPDATE settings SET key = 'b' WHERE key = 'a'", false],
    [
      "MERGE INTO orders o USING customers c ON o.tenant_id = c.tenant_id AND o.id = c.id WHEN NOT MATCHED THEN INSERT (tenant_id, id) VALUES (c.tenant_id, c.id)",
      false,
    ],
    [
      "MERGE INTO orders o USING customers c ON o.tenant_id = c.tenant_id AND o.id = c.id WHEN NOT MATCHED THEN INSERT (tenant_id, id) VALUES (c.id, c.id)",
      true,
    ],
    [
      "MERGE INTO orders o USING products p ON o.tenant_id = p.id WHEN NOT MATCHED THEN INSERT (tenant_id, id) VALUES (p.id, 1)",
      true,
    ],
  ])("%s: %s", (sql, expected) => {
    expect(modify(sql, [23, 23]).movesRows).toBe(expected);
  });
});

test("each node's own share: colocated joins only", () => {
  expect(
    modify("UPDATE orders o SET note = c.name FROM customers c WHERE c.tenant_id = o.tenant_id").reads.gather,
  ).toBeDefined();
  expect(
    modify("UPDATE orders o SET note = c.name FROM customers c WHERE c.id = o.customer_id").reads.gather,
  ).toBeUndefined();
  expect(
    modify("DELETE FROM orders o USING tenants t WHERE t.id = o.tenant_id AND t.plan IS NULL").reads.gather,
  ).toBeDefined();
  // Every node would insert what it does not find among its own rows.
  expect(
    modify(
      "MERGE INTO customers c USING tenants t ON c.tenant_id = t.id WHEN NOT MATCHED THEN INSERT (tenant_id, id) VALUES (t.id, 1)",
    ).reads.gather,
  ).toBeUndefined();
});

test("the same on every copy: nothing but the row decides", () => {
  expect(modify("UPDATE categories SET name = upper(name) WHERE id > 30").sameOnReplicas).toBe(true);
  expect(modify("UPDATE categories SET name = random()::text").sameOnReplicas).toBe(false);
  expect(modify("UPDATE categories SET name = (SELECT max(name) FROM tenants)").sameOnReplicas).toBe(false);
  expect(modify("DELETE FROM categories USING tenants WHERE tenants.id = categories.id").sameOnReplicas).toBe(
    false,
  );
});

test("the target's rows and other rows of the same table are told apart", () => {
  const { reads, staged, standIn } = modify(
    "DELETE FROM orders WHERE tenant_id = 3 AND total > (SELECT avg(total) FROM orders)",
  );
  expect(reads.uses.map((use) => [use.relation === standIn, use.filter.kind])).toEqual([
    [true, "points"],
    [false, "all"],
  ]);
  expect(staged).not.toBeInstanceOf(PgError);
});

test("(a, b) = (SELECT …) is read once", () => {
  const { staged } = modify("UPDATE orders SET (due, note) = (SELECT max(day), min(kind) FROM events)");
  expect(staged instanceof PgError ? [] : staged.splices.length).toBe(1);
});

test("what is refused", () => {
  expect(refusedWith("DELETE FROM orders WHERE CURRENT OF c")).toMatch(/CURRENT OF/);
  expect(refusedWith("UPDATE pg_class SET relname = 'x'")).toMatch(/system catalogs/);
  expect(
    refusedWith(
      "WITH RECURSIVE d AS (INSERT INTO orders (tenant_id) SELECT 1 FROM e RETURNING 1), e AS (DELETE FROM orders RETURNING 1) SELECT 1",
    ),
  ).toMatch(/WITH that writes/);
});

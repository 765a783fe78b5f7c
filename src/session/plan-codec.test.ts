/** Plans of every kind go over as bytes and come back equal, with the objects of the snapshot that is there. */
import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { decodeSnapshot, encodeSnapshot } from "../catalog/snapshot-codec.ts";
import { memberReference, referredMember } from "../catalog/snapshot-members.ts";
import { relationKey, type Snapshot } from "../catalog/snapshot.ts";
import { PgError } from "../errors/pg-error.ts";
import { classify } from "../plan/classify.ts";
import type { CatalogPlan, ReadPlan } from "../plan/plan.ts";
import { planRead, type PlanContext } from "../plan/plan-read.ts";
import { goldenContext } from "../plan/testing/golden-context.ts";
import { planWrite } from "../plan/write/plan-write.ts";
import type { InsertPlan, ModifyPlan, WritePlan } from "../plan/write-plan.ts";
import { initializeParser, parseStatements } from "../sql/parse.ts";
import { decodePlans, encodePlans } from "./plan-codec.ts";
import type { Description, PlannedStatement } from "./planned-statement.ts";

const { snapshot } = goldenContext("");
const copy = decodeSnapshot(encodeSnapshot(snapshot));

beforeAll(initializeParser);

const description: Description = {
  parameterTypes: [23, 20],
  fields: [
    { name: Buffer.from("id"), tableOid: 1, columnNumber: 1, typeOid: 23, typeSize: 4, typeModifier: -1 },
    { name: Buffer.from("%č"), tableOid: 0, columnNumber: 0, typeOid: 1043, typeSize: -1, typeModifier: 24 },
  ],
};

function planOf(
  sql: string,
  context: PlanContext = goldenContext(sql),
): ReadPlan | CatalogPlan | WritePlan | undefined {
  const [statement] = parseStatements(sql);
  const kind = classify(statement!.tree);
  if (kind === "read") return planRead(statement!, context);
  return kind === "write" ? planWrite(statement!, context, 2) : undefined;
}

function planned(sql: string, context?: PlanContext): PlannedStatement {
  const plan = planOf(sql, context);
  const statement = plan?.statement ?? parseStatements(sql)[0]!;
  return {
    statement,
    tag: Object.keys(statement.tree)[0]!,
    description: plan?.kind === "catalog" ? { parameterTypes: [], fields: undefined } : description,
    plan,
    snapshot,
    version: 7,
  };
}

/** Walks both: what was one object is one, what is the snapshot's is the other snapshot's. */
function expectSameObjects(own: unknown, back: unknown, other: Snapshot): void {
  const counterparts = new Map<object, object>();
  const walk = (a: unknown, b: unknown, path: string): void => {
    if (typeof a !== "object" || a === null) return;
    const known = counterparts.get(a);
    if (known !== undefined) {
      if (known !== b) throw new Error(`${path} is another object`);
      return;
    }
    counterparts.set(a, b as object);
    const reference = memberReference(snapshot, a);
    if (reference !== undefined) {
      if (referredMember(other, reference) !== b) throw new Error(`${path} is not the snapshot's`);
      return;
    }
    if (Buffer.isBuffer(a)) {
      if (!Buffer.isBuffer(b)) throw new Error(`${path} is no Buffer`);
      return;
    }
    for (const [key, value] of Object.entries(a))
      walk(value, (b as Record<string, unknown>)[key], `${path}.${key}`);
  };
  walk(own, back, "plans");
  if (new Set(counterparts.values()).size !== counterparts.size) throw new Error("two objects became one");
}

function expectGoesOver(plans: readonly PlannedStatement[]): void {
  const bytes = encodePlans(plans)!;
  for (const other of [snapshot, copy]) {
    const back = decodePlans(bytes, other, 9)!;
    expect(back).toEqual(plans.map((plan) => ({ ...plan, snapshot: other, version: 9 })));
    for (const one of back) expect(one.snapshot).toBe(other);
    const stripped = (list: readonly PlannedStatement[]) => list.map((plan) => ({ ...plan, snapshot: 0 }));
    expectSameObjects(stripped(plans), stripped(back), other);
  }
}

const golden = new URL("../plan/golden/", import.meta.url);
const goldenStatements = readdirSync(golden).flatMap((file) =>
  readFileSync(new URL(file, golden), "utf8")
    .split(/\n{2,}/)
    .map((block) =>
      block
        .split("\n----")[0]!
        .replaceAll(/^-- .*$/gm, "")
        .trim(),
    )
    .filter((statement) => statement !== ""),
);

describe("statements that read or ask the catalogs", () => {
  test("there are enough of them, of all kinds", () => {
    const kinds = new Set<string>();
    let count = 0;
    for (const sql of goldenStatements) {
      const plan = unlessRefused(() => planOf(sql));
      if (plan === undefined) continue;
      count++;
      kinds.add(plan.kind);
      if (plan.kind !== "read") continue;
      kinds.add(plan.direct ? "direct" : "not direct").add(plan.locks);
      kinds.add(plan.general instanceof PgError ? "general refused" : `general on ${plan.general.target}`);
      if (plan.gather !== undefined) kinds.add("gather");
      if (plan.shardNames !== undefined) kinds.add("shard names");
      if (plan.views !== undefined) kinds.add("views");
      if (plan.readByFunctions.length > 0) kinds.add("read by functions");
      if (plan.transactionTimes.length > 0) kinds.add("times");
      if (plan.cost.pointRead) kinds.add("point read");
    }
    expect(count).toBeGreaterThan(150);
    expect([...kinds].toSorted()).toEqual([
      "catalog",
      "direct",
      "gather",
      "general on catalog",
      "general on compute",
      "general refused",
      "no",
      "not direct",
      "point read",
      "read",
      "read by functions",
      "rows",
      "shard names",
      "times",
      "views",
    ]);
  });

  test.each(goldenStatements)("%s", (sql) => {
    if (unlessRefused(() => planOf(sql)) !== undefined) expectGoesOver([planned(sql)]);
  });

  test.each([
    "SELECT set_config('search_path', $3, false), set_config('work_mem', '1MB', true)",
    'SELECT 1 /* žluť 🐎 */ AS "ř"',
    "SELECT nextval('numbers'), now()",
    "SELECT * FROM events WHERE day > '2024-05-01' AND kind = 'é'",
    "VALUES (1, 'a'), (2, NULL)",
    "SELECT * FROM tenants WHERE id = 1 FOR UPDATE",
  ])("%s", (sql) => {
    expectGoesOver([planned(sql)]);
  });

  test("a plan for a role that may not read what is behind a view", () => {
    const sql = "SELECT * FROM v_noted WHERE t = 1";
    expectGoesOver([planned(sql, { ...goldenContext(sql), hiddenMark: "\u0002x" })]);
  });
});

const writing = [
  "INSERT INTO orders (tenant_id, id, status) VALUES ($1, $2, 'new')",
  "INSERT INTO orders (tenant_id, id, total) VALUES (1, 2, 3), (2, 3, DEFAULT), (NULL, 1, 4.5) RETURNING *",
  "INSERT INTO orders (id) VALUES (1)",
  "INSERT INTO orders DEFAULT VALUES",
  "INSERT INTO pairs (c, b, a) VALUES (1, 'x', 2), (3, 'y', 4)",
  "INSERT INTO pairs (a, b) SELECT tenant_id, name FROM tenants t, orders o WHERE o.tenant_id = t.id",
  "INSERT INTO pairs (a, b) VALUES (1, 'x'), (2, 'y') ORDER BY 1",
  "WITH q AS (SELECT 1) INSERT INTO pairs (a, b) VALUES (1, 'x')",
  "INSERT INTO products (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET price = excluded.price + products.price",
  "INSERT INTO products (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id",
  "INSERT INTO stores (region, id, name) VALUES ('eu-north', 1, upper('x'))",
  "INSERT INTO events (day, id, at, kind) VALUES (CURRENT_DATE, 1, now(), 'x')",
  "INSERT INTO tenants (id, name, region, created) VALUES (1, 'a', 'b', now())",
  "INSERT INTO settings SELECT who, NULL, at FROM audit_log",
  "INSERT INTO clicks (at) VALUES (now())",
  "INSERT INTO codes (code) VALUES ('ab')",
  "UPDATE orders SET total = total + 1 WHERE tenant_id = $1 AND id = $2",
  "UPDATE orders o SET total = 0, note = DEFAULT FROM customers c WHERE c.tenant_id = o.tenant_id AND c.id = 7",
  "UPDATE orders SET (due, note) = (SELECT created, name FROM tenants WHERE id = 1) RETURNING id, note",
  "UPDATE orders SET tenant_id = 5 WHERE tenant_id = 4",
  "UPDATE categories SET name = 'x' WHERE id = 1",
  "UPDATE tenants SET name = random()::text",
  "UPDATE settings SET changed = now() WHERE key = 'ž'",
  "UPDATE products p SET price = s.n FROM (SELECT product_id, count(*) n FROM order_lines GROUP BY 1) s WHERE s.product_id = p.id",
  "DELETE FROM orders WHERE tenant_id = 1",
  "DELETE FROM orders o USING tenants t WHERE t.id = o.tenant_id AND t.region = 'eu' RETURNING o.*",
  "DELETE FROM events WHERE day < '2024-03-01'",
  "DELETE FROM clicks",
  "DELETE FROM orders a WHERE EXISTS (SELECT 1 FROM orders b WHERE b.id = a.id + 1)",
  "MERGE INTO orders o USING (VALUES (1, 2)) v(t, i) ON o.tenant_id = v.t AND o.id = v.i WHEN MATCHED THEN UPDATE SET total = 1 WHEN NOT MATCHED THEN INSERT (tenant_id, id) VALUES (v.t, v.i)",
  "MERGE INTO settings s USING audit_log a ON s.key = a.what WHEN MATCHED THEN DELETE",
];

describe("statements that write", () => {
  test.each(writing)("%s", (sql) => {
    expectGoesOver([planned(sql)]);
  });

  test("a WITH that can only run where its rows lie", () => {
    const sql =
      "WITH a AS (WITH b AS (SELECT 1) DELETE FROM orders WHERE tenant_id = 1 RETURNING id) SELECT * FROM a";
    const plan = planned(sql);
    const parts = new PgError({ severity: "ERROR", code: "0A000", message: "no" });
    expectGoesOver([{ ...plan, plan: { ...(plan.plan as WritePlan & { command: "WITH" }), parts } }]);
  });

  test("a WITH that can run in steps is not shared: its steps are functions", () => {
    const sql = "WITH a AS (DELETE FROM orders WHERE tenant_id = 1 RETURNING id) SELECT * FROM a";
    expect(encodePlans([planned(sql)])).toBeUndefined();
  });

  test("the target, its stand-in and their columns are told apart as before", () => {
    const sql = "UPDATE orders o SET note = 'x' FROM orders p WHERE p.tenant_id = o.tenant_id AND p.id = 1";
    const [back] = decodePlans(encodePlans([planned(sql)])!, copy, 1)!;
    const { target, standIn, reads, others, assigned, staged } = back!.plan as ModifyPlan;
    const orders = copy.relations.get(relationKey("public", "orders"))!;
    expect(target).toBe(orders);
    expect(standIn).not.toBe(orders);
    expect(standIn.columns).toBe(orders.columns);
    expect(reads.uses.map((use) => use.relation)).toEqual([standIn, orders]);
    expect(reads.uses.some((use) => use.relation === standIn)).toBe(true);
    expect(others.map((use) => use.relation === orders)).toEqual([true]);
    expect(orders.columns.includes(assigned[0]!)).toBe(true);
    expect(!(staged instanceof PgError) && staged.table.relation).toBe(standIn);
  });

  test("columns that a plan names are the relation's own", () => {
    const [back] = decodePlans(encodePlans([planned(writing[1]!)])!, copy, 1)!;
    const { target, columns, stored } = back!.plan as InsertPlan;
    expect([...columns, ...stored].every((column) => target.columns.includes(column))).toBe(true);
  });
});

describe("other statements", () => {
  test.each([
    "BEGIN ISOLATION LEVEL SERIALIZABLE",
    "COMMIT",
    "SET work_mem = '1MB'",
    "CREATE TABLE t (a int, b text) DISTRIBUTE BY RANGE (a) (SLICE s1 VALUES LESS THAN (10), SLICE s2 VALUES LESS THAN (MAXVALUE))",
    "CREATE TABLE t (a int) DISTRIBUTE BY HASH (a) SHARDS 4 COLOCATE WITH orders",
    "EXPLAIN SELECT * FROM orders",
    "DO 'BEGIN END'",
  ])("%s", (sql) => {
    expectGoesOver([planned(sql)]);
  });

  test("several of one query string, the later ones with their place in it", () => {
    const statements = parseStatements("SELECT 'é'; COMMIT;  SELECT 2");
    const plans = statements.map((statement) => ({ ...planned("SELECT 1"), statement, plan: undefined }));
    expectGoesOver(plans);
  });

  test("the mark of a statement of its moment", () => {
    expectGoesOver([{ ...planned("SELECT 1"), ofItsMoment: true }]);
  });
});

describe("circumstances", () => {
  test("no plans, or plans of several snapshots, are not shared", () => {
    expect(encodePlans([])).toBeUndefined();
    expect(encodePlans([planned("SELECT 1"), { ...planned("SELECT 1"), snapshot: copy }])).toBeUndefined();
  });

  test("a snapshot that lacks a table gives nothing", () => {
    const bytes = encodePlans([planned("SELECT * FROM orders")])!;
    const relationsByOid = new Map([...copy.relationsByOid].filter(([, { name }]) => name !== "orders"));
    expect(decodePlans(bytes, { ...copy, relationsByOid }, 1)).toBeUndefined();
  });

  test("bytes of another version give nothing", () => {
    const bytes = Buffer.from(encodePlans([planned("SELECT 1")])!);
    bytes[4]!++;
    expect(decodePlans(bytes, copy, 1)).toBeUndefined();
    expect(decodePlans(Buffer.alloc(0), copy, 1)).toBeUndefined();
  });

  test("a tree is read when it is asked for, once, and is part of a copied statement", () => {
    const [back] = decodePlans(encodePlans([planned("SELECT id FROM orders")])!, copy, 1)!;
    const { tree } = back!.statement;
    expect(back!.statement.tree).toBe(tree);
    expect({ ...back!.statement }.tree).toBe(tree);
    expect(Object.keys(back!.statement)).toEqual([
      "text",
      "offset",
      "charactersBefore",
      "tree",
      "distribution",
    ]);
  });
});

function unlessRefused<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof PgError) return undefined;
    throw error;
  }
}

/** The circumstances under which the golden plans are made: the shop with a few views, functions and an operator. */
import { relationKey, type Relation } from "../../catalog/snapshot.ts";
import type { PlanContext } from "../plan-read.ts";
import { routine, shopSnapshot, table, view } from "./shop-snapshot.ts";

const views: readonly Relation[] = [
  view(
    "v_noted",
    "SELECT tenant_id AS t,\n    id,\n    total\n   FROM public.orders\n  WHERE (note IS NOT NULL);",
    "t  integer; id  bigint; total  numeric(12,2)",
  ),
  view(
    "v_sales",
    "SELECT c.tenant_id,\n    c.id AS customer,\n    sum(o.total) AS s\n   FROM (public.customers c\n     LEFT JOIN public.orders o ON (((o.tenant_id = c.tenant_id) AND (o.customer_id = c.id))))\n  GROUP BY c.tenant_id, c.id;",
    "tenant_id  integer; customer  bigint; s  numeric",
  ),
  view(
    "v_noted_twice",
    "SELECT a.t,\n    b.id\n   FROM (public.v_noted a\n     JOIN public.v_noted b ON ((b.id = a.id)));",
    "t  integer; id  bigint",
  ),
  view(
    "v_top",
    "SELECT id,\n    total\n   FROM public.orders\n  ORDER BY total DESC\n LIMIT 10;",
    "id  bigint; total  numeric",
  ),
  view("v_tables", "SELECT relname\n   FROM pg_class\n  WHERE (relkind = 'r'::\"char\");", "relname  text"),
  view("v_today", "SELECT id\n   FROM public.orders\n  WHERE (due = CURRENT_DATE);", "id  bigint"),
];

const others: readonly Relation[] = [
  { ...table("numbers", undefined, "last_value  bigint"), kind: "sequence" },
  { ...table("m_status", undefined, "status  text"), kind: "materialized view" },
  { ...table("w_secret", { kind: "replicated" }, "id  integer"), rowSecurity: true },
  table("stores", { kind: "replicated" }, "id  integer; n  integer", [], { schema: "other" }),
  table("parent", { kind: "replicated" }, "n  integer", [], { oid: 99 }),
  table("child", { kind: "replicated" }, "n  integer", [], { parents: [99] }),
];

const routines = [
  routine("double", "SELECT $1 * 2", { volatility: "immutable" }),
  routine("dice", "SELECT 1 + floor(random() * 6)::int", { volatility: "volatile" }),
  routine("tenant_total", "SELECT sum(total) FROM orders WHERE tenant_id = t"),
  routine("total_and_double", "BEGIN RETURN tenant_total(t) + double(t); END", { language: "plpgsql" }),
  routine("qualified_total", "SELECT sum(total) FROM public.orders WHERE tenant_id = t"),
  routine("noted_total", "SELECT sum(total) FROM v_noted WHERE t = $1"),
  routine("wipe", "DELETE FROM settings"),
  routine("bump", "BEGIN EXECUTE format('UPDATE %I SET n = 1', t); END", { language: "plpgsql" }),
  routine("next_number", "SELECT nextval('numbers')", { volatility: "volatile" }),
  routine("py", "return 1", { language: "plpython3u" }),
  routine("late", "SELECT (o).due < (o).placed::date", { volatility: "immutable" }),
  routine("levenshtein", undefined, { language: "c", extension: "fuzzystrmatch", volatility: "immutable" }),
  routine("secret_total", "SELECT sum(total) FROM orders", { securityDefiner: true }),
];

const snapshot = shopSnapshot({ relations: [...views, ...others], routines });
const orderStatus = 16400;

/** Parameters of the golden statements: $1 int4, $2 int8, $3 text, $4 int4[], $5 date, $6 order_status, $7 numeric. */
const parameterTypes = [23, 20, 25, 1007, 1082, orderStatus, 1700];

export function goldenContext(statement: string): PlanContext {
  if (!snapshot.relations.has(relationKey("public", "orders"))) throw new Error("the shop has no orders");
  return {
    snapshot,
    searchPath: ["public"],
    parameterTypes: statement.includes("$") ? parameterTypes : [],
    transformNullEquals: false,
  };
}

/** A small shop, distributed in every way: the picture of a database over which the planner's tests run. */
import type { ColocationId, NodeName, ShardOrdinal } from "../../catalog/ids.ts";
import {
  DEFAULT_SLICE,
  MAXVALUE,
  relationKey,
  type Column,
  type Distribution,
  type Relation,
  type Routine,
  type Snapshot,
  type UserType,
} from "../../catalog/snapshot.ts";

const dn1 = "dn1" as NodeName;
const dn2 = "dn2" as NodeName;
const sales = 1 as ColocationId;
const catalog = 2 as ColocationId;
const days = 3 as ColocationId;
const regions = 4 as ColocationId;
const other = 5 as ColocationId;

const builtIn: Readonly<Record<string, number>> = {
  boolean: 16,
  bytea: 17,
  bigint: 20,
  smallint: 21,
  integer: 23,
  text: 25,
  "double precision": 701,
  date: 1082,
  "timestamp with time zone": 1184,
  interval: 1186,
  uuid: 2950,
  jsonb: 3802,
  "integer[]": 1007,
  "text[]": 1009,
  tstzrange: 3910,
  int4range: 3904,
  numeric: 1700,
  "numeric(12,2)": 1700,
  "numeric(10,2)": 1700,
  "numeric(4,3)": 1700,
  "character(4)": 1042,
  "character varying(20)": 1043,
};

const userTypes: readonly UserType[] = [
  { oid: 16400, schema: "public", name: "order_status", kind: "enum" },
  { oid: 16401, schema: "public", name: "email", kind: "domain" },
  { oid: 16402, schema: "public", name: "amount", kind: "domain" },
  { oid: 16403, schema: "public", name: "address", kind: "composite" },
];

/** "name type" or "name type collation"; a trailing ! is NOT NULL. */
function columns(list: string): Column[] {
  return list.split(";").map((entry, i) => {
    const [name, type, collation] = entry.trim().replace(/!$/, "").split(/ {2,}/) as [
      string,
      string,
      string | undefined,
    ];
    const user = userTypes.find((t) => `public.${t.name}` === type);
    return {
      name,
      number: i + 1,
      typeOid: user?.oid ?? builtIn[type]!,
      typeName: type,
      userType: user !== undefined,
      collation,
      deterministicCollation: collation !== "public.nocase",
      notNull: entry.trim().endsWith("!"),
      defaultExpression: undefined,
      generated: "",
      identity: "",
      sequence: undefined,
    };
  });
}

let oid = 16500;

export function table(
  name: string,
  distribution: Distribution | undefined,
  columnList: string,
  primaryKey: readonly string[] = [],
  more: Partial<Relation> = {},
): Relation {
  return {
    oid: oid++,
    schema: "public",
    name,
    kind: "table",
    owner: "postgres",
    columns: columns(columnList),
    indexes:
      primaryKey.length === 0
        ? []
        : [{ name: `${name}_pkey`, unique: true, primary: true, columns: primaryKey }],
    distribution,
    populated: true,
    rowSecurity: false,
    hasTriggers: false,
    viewDefinition: undefined,
    securityInvoker: false,
    persistence: "permanent",
    parents: [],
    ...more,
  };
}

export function view(name: string, definition: string, columnList: string): Relation {
  return table(name, undefined, columnList, [], { kind: "view", viewDefinition: definition });
}

export function routine(name: string, body: string | undefined, more: Partial<Routine> = {}): Routine {
  return {
    oid: oid++,
    schema: "public",
    name,
    kind: "function",
    language: "sql",
    volatility: "stable",
    securityDefiner: false,
    usesRowType: false,
    returnsSet: false,
    body,
    searchPath: undefined,
    extension: undefined,
    ...more,
  };
}

function hash(colocation: ColocationId, ...keys: string[]): Distribution {
  return { kind: "hash", columns: keys, colocation, placements: [dn1, dn2, dn1, dn2] };
}

const replicated: Distribution = { kind: "replicated" };

const tables: readonly Relation[] = [
  table(
    "tenants",
    replicated,
    'id  integer!; name  text  pg_catalog."und-x-icu"!; region  text!; plan  text; parent  integer; created  date!; active  boolean',
    ["id"],
  ),
  table("categories", replicated, "id  integer!; parent_id  integer; name  text!; path  integer[]", ["id"]),
  table(
    "customers",
    hash(sales, "tenant_id"),
    'tenant_id  integer!; id  bigint!; email  public.email!; name  text  pg_catalog."und-x-icu"; birth  date; addr  public.address; tags  text[]; prefs  jsonb!; credit  public.amount; vip  boolean; ref  uuid; created  timestamp with time zone!',
    ["tenant_id", "id"],
  ),
  table(
    "orders",
    hash(sales, "tenant_id"),
    "tenant_id  integer!; id  bigint!; customer_id  bigint; status  public.order_status!; placed  timestamp with time zone!; due  date; total  numeric(12,2); note  text; ship  interval; slot  tstzrange",
    ["tenant_id", "id"],
  ),
  table(
    "products",
    hash(catalog, "id"),
    "id  integer!; category_id  integer; label  text  public.nocase!; price  numeric(10,2); weight  double precision; attrs  jsonb; photo  bytea; released  date",
    ["id"],
  ),
  table(
    "order_lines",
    hash(catalog, "product_id"),
    "product_id  integer!; tenant_id  integer!; order_id  bigint!; line  smallint!; qty  integer!; price  numeric(10,2); discount  numeric(4,3)",
    ["product_id", "tenant_id", "order_id", "line"],
  ),
  table(
    "events",
    {
      kind: "range",
      columns: ["day"],
      colocation: days,
      slices: [
        { name: "s1", ordinal: 0 as ShardOrdinal, node: dn1, lessThan: ["2024-04-01"] },
        { name: "s2", ordinal: 1 as ShardOrdinal, node: dn2, lessThan: ["2024-07-01"] },
        { name: "s3", ordinal: 2 as ShardOrdinal, node: dn1, lessThan: ["2024-10-01"] },
        { name: "s4", ordinal: 3 as ShardOrdinal, node: dn2, lessThan: [MAXVALUE] },
      ],
    },
    "day  date!; id  bigint!; at  timestamp with time zone!; tenant_id  integer; kind  text!; payload  jsonb; took  interval; val  numeric",
    ["day", "id"],
  ),
  table(
    "stores",
    {
      kind: "list",
      columns: ["region"],
      colocation: regions,
      slices: [
        { name: "eu", ordinal: 0 as ShardOrdinal, node: dn1, values: ["eu-north", "eu-south"] },
        { name: "us", ordinal: 1 as ShardOrdinal, node: dn2, values: ["us-east", "us-west"] },
        { name: "rest", ordinal: 2 as ShardOrdinal, node: dn1, values: DEFAULT_SLICE },
      ],
    },
    'region  text!; id  integer!; name  text  pg_catalog."C"!; opened  date; hours  int4range; staff  integer; manager  text',
    ["region", "id"],
  ),
  table(
    "settings",
    { kind: "single", node: dn2 },
    "key  text!; value  jsonb; changed  timestamp with time zone",
    ["key"],
  ),
  table(
    "audit_log",
    { kind: "single", node: dn1 },
    "id  bigint!; at  timestamp with time zone!; tenant_id  integer; who  text; what  text!",
    ["id"],
  ),
  table("clicks", { kind: "random" }, "at  timestamp with time zone!; tenant_id  integer; url  text"),
  table("pairs", hash(other, "a", "b"), "a  integer!; b  text!; c  integer", ["a", "b"]),
  table("codes", hash(other, "code"), "code  character(4)!; label  character varying(20)", ["code"]),
];

/** The shop, with more relations (views) and routines if a test asks for them. */
export function shopSnapshot(
  more: {
    relations?: readonly Relation[];
    routines?: readonly Routine[];
    operators?: readonly string[];
  } = {},
): Snapshot {
  const relations = [...tables, ...(more.relations ?? [])];
  const routines = new Map<string, Routine[]>();
  for (const one of more.routines ?? []) {
    const key = relationKey(one.schema, one.name);
    routines.set(key, [...(routines.get(key) ?? []), one]);
  }
  return {
    version: 1,
    database: "shop",
    nodes: [
      { name: "catalog" as NodeName, kind: "catalog" },
      { name: dn1, kind: "data" },
      { name: dn2, kind: "data" },
      { name: "cn1" as NodeName, kind: "compute" },
    ],
    dataNodes: [dn1, dn2],
    schemas: new Set(["public", ...relations.map((r) => r.schema)]),
    relations: new Map(relations.map((r) => [relationKey(r.schema, r.name), r])),
    relationsByOid: new Map(relations.map((r) => [r.oid, r])),
    routines,
    userOperators: new Set(more.operators ?? []),
    userTypes: new Map(userTypes.map((t) => [t.oid, t])),
  };
}

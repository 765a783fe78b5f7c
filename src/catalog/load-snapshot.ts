/**
 * Reads the catalog node's shells and Pleiad's metadata into a Snapshot: one round trip, one consistent view. The query
 * function's session may be in a transaction (then its own DDL is seen) and of any role; nothing of its state changes.
 */
import { nodeName } from "./ids.ts";
import type { Query } from "./query.ts";
import type { RawColumn, RawRelation, RawRoutine, RawSnapshot } from "./raw-snapshot.ts";
import { readDistributions } from "./read-distribution.ts";
import { TEMPORARY_RELATIONS_SQL } from "./snapshot-function.ts";
import {
  relationKey,
  type Column,
  type Distribution,
  type Index,
  type Relation,
  type Routine,
  type Snapshot,
  type UserType,
} from "./snapshot.ts";

const KINDS: Readonly<Record<string, Relation["kind"]>> = {
  r: "table",
  p: "partitioned table",
  v: "view",
  m: "materialized view",
  S: "sequence",
  f: "foreign table",
  c: "composite type",
};
const ROUTINE_KINDS: Readonly<Record<string, Routine["kind"]>> = {
  f: "function",
  p: "procedure",
  a: "aggregate",
  w: "window",
};
const VOLATILITIES: Readonly<Record<string, Routine["volatility"]>> = {
  i: "immutable",
  s: "stable",
  v: "volatile",
};

/** `query` runs on the catalog node in `database`. */
export async function loadSnapshot(query: Query, database: string): Promise<Snapshot> {
  const rows = await query("SELECT pleiad.snapshot()");
  return build(database, JSON.parse(rows[0]![0]!) as RawSnapshot);
}

/** The temporary relations of a session: `query` runs over its own connection to the catalog node, in the transaction that is open there or not. */
export async function loadTemporaries(
  query: Query,
  inTransaction: boolean,
  { userTypes }: Snapshot,
): Promise<TemporaryRelations> {
  const [begin, end] = inTransaction
    ? [`SAVEPOINT ${SAVEPOINT}`, `ROLLBACK TO SAVEPOINT ${SAVEPOINT}; RELEASE SAVEPOINT ${SAVEPOINT}`]
    : ["BEGIN", "ROLLBACK"];
  const rows = await query(`${begin}; ${TEMPORARY_RELATIONS_SQL}; ${end}`);
  const [relations, indexes] = rows
    .find((row) => row.length === 2)!
    .map((value) => JSON.parse(value ?? "[]") as unknown);
  return {
    relations: (relations as RawRelation[]).map((one) =>
      toRelation(one, one.relkind === "r" || one.relkind === "p" ? ON_CATALOG : undefined, userTypes),
    ),
    indexes: indexes as string[],
  };
}

export interface TemporaryRelations {
  readonly relations: readonly Relation[];
  readonly indexes: readonly string[];
}

const SAVEPOINT = "pleiad_temporaries";
/** The rows of a session's temporary tables lie where their definitions are. */
const ON_CATALOG: Distribution = { kind: "single", node: nodeName("catalog") };

/** The version that the catalog has now. */
export async function currentVersion(query: Query): Promise<number> {
  return Number((await query("SELECT version FROM pleiad.catalog_version"))[0]![0]);
}

function build(database: string, raw: RawSnapshot): Snapshot {
  const userTypes = new Map((raw.types ?? []).map((type) => [type.oid, type]));
  const distributions = readDistributions(raw);
  const relations = new Map<string, Relation>();
  const relationsByOid = new Map<number, Relation>();
  for (const one of raw.relations ?? []) {
    const relation = toRelation(one, distributions.get(one.oid), userTypes);
    relations.set(relationKey(one.schema, one.name), relation);
    relationsByOid.set(one.oid, relation);
  }
  const routines = new Map<string, Routine[]>();
  for (const one of raw.routines ?? []) {
    const key = relationKey(one.schema, one.name);
    routines.set(key, [...(routines.get(key) ?? []), toRoutine(one)]);
  }
  const nodes = (raw.nodes ?? []).map((node) => ({ name: nodeName(node.name), kind: node.kind }));
  return {
    version: raw.version,
    database,
    nodes,
    dataNodes: nodes.filter((node) => node.kind === "data").map((node) => node.name),
    schemas: new Set(raw.schemas ?? []),
    relations,
    relationsByOid,
    routines,
    userOperators: new Set(raw.operators ?? []),
    userTypes,
  };
}

function toRelation(
  raw: RawRelation,
  distribution: Distribution | undefined,
  userTypes: ReadonlyMap<number, UserType>,
): Relation {
  return {
    oid: raw.oid,
    schema: raw.schema,
    name: raw.name,
    kind: KINDS[raw.relkind] ?? "other",
    owner: raw.owner,
    columns: (raw.columns ?? []).map((column) => toColumn(column, userTypes)),
    indexes: (raw.indexes ?? []).map(toIndex),
    distribution,
    populated: raw.populated,
    rowSecurity: raw.rowSecurity,
    hasTriggers: raw.hasTriggers,
    viewDefinition: raw.view ?? undefined,
    securityInvoker: raw.securityInvoker,
    persistence: raw.persistence === "u" ? "unlogged" : raw.persistence === "t" ? "temporary" : "permanent",
    parents: raw.parents ?? [],
  };
}

function toColumn(raw: RawColumn, userTypes: ReadonlyMap<number, UserType>): Column {
  const [name, number, typeOid, typeName, typeModifier, collation, deterministic, byteOrder, ...rest] = raw;
  const [notNull, defaultExpression, generated, identity, sequence] = rest;
  return {
    name,
    number,
    typeOid,
    typeName,
    // Arrays, composites, … of user types are user types themselves.
    userType: userTypes.has(typeOid),
    collation: collation ?? undefined,
    deterministicCollation: deterministic,
    typeModifier,
    byteOrder,
    notNull,
    defaultExpression: defaultExpression ?? undefined,
    generated: generated === "s" ? "stored" : generated === "v" ? "virtual" : "",
    identity: identity === "a" ? "always" : identity === "d" ? "by default" : "",
    sequence: sequence ?? undefined,
  };
}

function toIndex(raw: { name: string; unique: boolean; primary: boolean; columns: string[] | null }): Index {
  return { name: raw.name, unique: raw.unique, primary: raw.primary, columns: raw.columns ?? undefined };
}

function toRoutine(raw: RawRoutine): Routine {
  return {
    oid: raw.oid,
    schema: raw.schema,
    name: raw.name,
    kind: ROUTINE_KINDS[raw.kind] ?? "function",
    language: raw.language,
    volatility: VOLATILITIES[raw.volatility] ?? "volatile",
    securityDefiner: raw.securityDefiner,
    returnsSet: raw.returnsSet,
    usesRowType: raw.usesRowType,
    body: raw.body ?? undefined,
    searchPath: raw.searchPath === null ? undefined : readSearchPath(raw.searchPath),
    extension: raw.extension ?? undefined,
  };
}

/** The list of a search_path setting as pg_proc.proconfig keeps it: names, quoted where they must be. */
function readSearchPath(setting: string): string[] {
  const names = Array.from(setting.matchAll(/"((?:[^"]|"")*)"|([^,\s"]+)/g), ([, quoted, plain]) =>
    quoted === undefined ? plain! : quoted.replaceAll('""', '"'),
  );
  return names.filter((name) => name !== "");
}

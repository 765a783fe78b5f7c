/**
 * Reads the catalog node's shells and Pleiad's metadata into a Snapshot, in one statement per kind of thing. The query
 * function's session may be in a transaction (then its own DDL is seen); its search_path is set for this and put back.
 */
import { colocationId, nodeName, shardOrdinal } from "./ids.ts";
import type { Query } from "./query.ts";
import {
  DEFAULT_SLICE,
  MAXVALUE,
  relationKey,
  type Column,
  type Distribution,
  type Index,
  type ListSlice,
  type Node,
  type RangeSlice,
  type Relation,
  type Routine,
  type Snapshot,
  type UserType,
} from "./snapshot.ts";

/** Schemas whose relations users made: not the system's, not Pleiad's, not those of shards. */
const USER_SCHEMA = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> 'pleiad'`;
const FIRST_USER_OID = 16384;

/** True when the database's own collation, which most columns have, compares bytes. */
const DATABASE_BYTE_ORDER = `(SELECT datlocprovider = 'b' OR (datlocprovider = 'c' AND datcollate IN ('C', 'POSIX')) FROM pg_database WHERE datname = current_database())`;

/** Types whose binary form holds OIDs, or that other servers know under another OID: user types and all that is built of them. */
const USER_TYPES_SQL = `
SELECT json_agg(json_build_object('oid', t.oid::int8, 'schema', n.nspname, 'name', t.typname, 'kind',
    CASE WHEN t.typelem <> 0 AND t.typcategory = 'A' THEN 'array' WHEN t.typtype = 'e' THEN 'enum' WHEN t.typtype = 'd' THEN 'domain'
         WHEN t.typtype = 'c' THEN 'composite' WHEN t.typtype = 'r' THEN 'range' WHEN t.typtype = 'm' THEN 'multirange' ELSE 'base' END))
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid >= ${FIRST_USER_OID}`;

const RELATIONS_SQL = `
SELECT json_agg(json_build_object(
  'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'relkind', c.relkind, 'owner', pg_get_userbyid(c.relowner),
  'persistence', c.relpersistence, 'rowSecurity', c.relrowsecurity,
  'hasTriggers', EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
  'securityInvoker', COALESCE(c.reloptions @> '{security_invoker=true}' OR c.reloptions @> '{security_invoker=on}', false),
  'view', CASE WHEN c.relkind IN ('v', 'm') THEN rtrim(pg_get_viewdef(c.oid), E'; \\n') END,
  'parents', (SELECT json_agg(i.inhparent::int8 ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
  'columns', (SELECT json_agg(json_build_object(
      'name', a.attname, 'number', a.attnum, 'typeOid', a.atttypid::int8, 'typeName', format_type(a.atttypid, a.atttypmod), 'typeModifier', a.atttypmod,
      'byteOrder', COALESCE(co.collprovider = 'b' OR (co.collprovider = 'c' AND co.collcollate IN ('C', 'POSIX')) OR (co.collprovider = 'd' AND ${DATABASE_BYTE_ORDER}), false),
      'collation', CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN quote_ident(cn.nspname) || '.' || quote_ident(co.collname) END,
      'deterministic', COALESCE(co.collisdeterministic, true), 'notNull', a.attnotnull,
      'default', pg_get_expr(d.adbin, d.adrelid), 'generated', a.attgenerated, 'identity', a.attidentity,
      'sequence', CASE WHEN c.relkind IN ('r', 'p') THEN (
         SELECT quote_ident(sn.nspname) || '.' || quote_ident(s.relname) FROM pg_depend p JOIN pg_class s ON s.oid = p.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
         WHERE p.classid = 'pg_class'::regclass AND p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid AND p.refobjsubid = a.attnum AND p.deptype IN ('a', 'i') LIMIT 1) END
    ) ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'indexes', (SELECT json_agg(json_build_object(
      'name', x.relname, 'unique', i.indisunique, 'primary', i.indisprimary,
      'columns', CASE WHEN i.indexprs IS NULL AND i.indpred IS NULL AND am.amname = 'btree' THEN (
        SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum WHERE k.n <= i.indnkeyatts) END
    ) ORDER BY x.relname)
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am am ON am.oid = x.relam WHERE i.indrelid = c.oid)
))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE ${USER_SCHEMA} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')`;

const ROUTINES_SQL = `
SELECT json_agg(json_build_object(
  'oid', p.oid::int8, 'schema', n.nspname, 'name', p.proname, 'kind', p.prokind, 'language', l.lanname, 'volatility', p.provolatile,
  'securityDefiner', p.prosecdef, 'returnsSet', p.proretset,
  'body', CASE WHEN p.prosqlbody IS NOT NULL THEN pg_get_function_sqlbody(p.oid) WHEN l.lanname IN ('c', 'internal') OR p.prokind = 'a' THEN NULL ELSE p.prosrc END,
  'searchPath', (SELECT substr(s, length('search_path=') + 1) FROM unnest(p.proconfig) s WHERE s LIKE 'search_path=%'),
  'extension', (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' LIMIT 1)
))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid >= ${FIRST_USER_OID} AND n.nspname <> 'pleiad'`;

const METADATA_SQL = `
SELECT json_build_object(
  'version', (SELECT version FROM pleiad.catalog_version),
  'nodes', (SELECT json_agg(json_build_object('name', name, 'kind', kind) ORDER BY name) FROM pleiad.node),
  'schemas', (SELECT json_agg(n.nspname) FROM pg_namespace n WHERE ${USER_SCHEMA}),
  'operators', (SELECT json_agg(DISTINCT oprname) FROM pg_operator WHERE oid >= ${FIRST_USER_OID}),
  'tables', (SELECT json_agg(json_build_object('relation', relation::int8, 'kind', kind, 'columns', columns, 'colocation', colocation, 'node', node)) FROM pleiad.distributed_table),
  'shards', (SELECT json_agg(json_build_object('colocation', colocation, 'ordinal', ordinal, 'node', node, 'slice', slice, 'bounds', bounds) ORDER BY colocation, ordinal) FROM pleiad.shard))`;

interface RawColumn {
  name: string;
  number: number;
  typeOid: number;
  typeName: string;
  typeModifier: number;
  byteOrder: boolean;
  collation: string | null;
  deterministic: boolean;
  notNull: boolean;
  default: string | null;
  generated: string;
  identity: string;
  sequence: string | null;
}

interface RawRelation {
  oid: number;
  schema: string;
  name: string;
  relkind: string;
  owner: string;
  persistence: string;
  rowSecurity: boolean;
  hasTriggers: boolean;
  securityInvoker: boolean;
  view: string | null;
  parents: number[] | null;
  columns: RawColumn[] | null;
  indexes: { name: string; unique: boolean; primary: boolean; columns: string[] | null }[] | null;
}

interface RawRoutine {
  oid: number;
  schema: string;
  name: string;
  kind: string;
  language: string;
  volatility: string;
  securityDefiner: boolean;
  returnsSet: boolean;
  body: string | null;
  searchPath: string | null;
  extension: string | null;
}

interface RawShard {
  colocation: number;
  ordinal: number;
  node: string;
  slice: string | null;
  bounds: unknown;
}

interface RawMetadata {
  version: number;
  nodes: { name: string; kind: Node["kind"] }[] | null;
  schemas: string[] | null;
  operators: string[] | null;
  tables:
    | {
        relation: number;
        kind: Distribution["kind"];
        columns: string[];
        colocation: number | null;
        node: string | null;
      }[]
    | null;
  shards: RawShard[] | null;
}

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

/** `query` runs as the internal superuser or as any role (pg_catalog and pleiad.* are readable by all). */
export async function loadSnapshot(query: Query, database: string): Promise<Snapshot> {
  const [path] = await query("SELECT current_setting('search_path'), set_config('search_path', '', false)");
  try {
    const one = async <T>(sql: string): Promise<T> => JSON.parse((await query(sql))[0]![0] ?? "null") as T;
    const metadata = await one<RawMetadata>(METADATA_SQL);
    const types = (await one<UserType[] | null>(USER_TYPES_SQL)) ?? [];
    const relations = (await one<RawRelation[] | null>(RELATIONS_SQL)) ?? [];
    const routines = (await one<RawRoutine[] | null>(ROUTINES_SQL)) ?? [];
    return build(database, metadata, types, relations, routines);
  } finally {
    await query(
      `SELECT set_config('search_path', '${path![0]!.replaceAll("'", "''").replaceAll("\\", "\\\\")}', false)`,
    ).catch(() => []);
  }
}

function build(
  database: string,
  metadata: RawMetadata,
  types: UserType[],
  rawRelations: RawRelation[],
  rawRoutines: RawRoutine[],
): Snapshot {
  const userTypes = new Map(types.map((type) => [type.oid, type]));
  const distributions = distributionsOf(metadata);
  const relations = new Map<string, Relation>();
  const relationsByOid = new Map<number, Relation>();
  for (const raw of rawRelations) {
    const relation = toRelation(raw, distributions.get(raw.oid), userTypes);
    relations.set(relationKey(raw.schema, raw.name), relation);
    relationsByOid.set(raw.oid, relation);
  }
  const routines = new Map<string, Routine[]>();
  for (const raw of rawRoutines) {
    const key = relationKey(raw.schema, raw.name);
    routines.set(key, [...(routines.get(key) ?? []), toRoutine(raw)]);
  }
  const nodes = (metadata.nodes ?? []).map((node) => ({ name: nodeName(node.name), kind: node.kind }));
  return {
    version: metadata.version,
    database,
    nodes,
    dataNodes: nodes.filter((node) => node.kind === "data").map((node) => node.name),
    schemas: new Set(metadata.schemas ?? []),
    relations,
    relationsByOid,
    routines,
    userOperators: new Set(metadata.operators ?? []),
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
    rowSecurity: raw.rowSecurity,
    hasTriggers: raw.hasTriggers,
    viewDefinition: raw.view ?? undefined,
    securityInvoker: raw.securityInvoker,
    persistence: raw.persistence === "u" ? "unlogged" : raw.persistence === "t" ? "temporary" : "permanent",
    parents: raw.parents ?? [],
  };
}

function toColumn(raw: RawColumn, userTypes: ReadonlyMap<number, UserType>): Column {
  return {
    name: raw.name,
    number: raw.number,
    typeOid: raw.typeOid,
    typeName: raw.typeName,
    // Arrays, composites, … of user types are user types themselves.
    userType: userTypes.has(raw.typeOid),
    collation: raw.collation ?? undefined,
    deterministicCollation: raw.deterministic,
    typeModifier: raw.typeModifier,
    byteOrder: raw.byteOrder,
    notNull: raw.notNull,
    defaultExpression: raw.default ?? undefined,
    generated: raw.generated === "s" ? "stored" : raw.generated === "v" ? "virtual" : "",
    identity: raw.identity === "a" ? "always" : raw.identity === "d" ? "by default" : "",
    sequence: raw.sequence ?? undefined,
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
    body: raw.body ?? undefined,
    searchPath: raw.searchPath === null ? undefined : raw.searchPath.split(/\s*,\s*/).map(unquote),
    extension: raw.extension ?? undefined,
  };
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

function distributionsOf(metadata: RawMetadata): Map<number, Distribution> {
  const shards = new Map<number, RawShard[]>();
  for (const shard of metadata.shards ?? [])
    shards.set(shard.colocation, [...(shards.get(shard.colocation) ?? []), shard]);
  const result = new Map<number, Distribution>();
  for (const table of metadata.tables ?? []) {
    const own = table.colocation === null ? [] : (shards.get(table.colocation) ?? []);
    result.set(table.relation, toDistribution(table, own));
  }
  return result;
}

function toDistribution(
  table: NonNullable<RawMetadata["tables"]>[number],
  shards: readonly RawShard[],
): Distribution {
  switch (table.kind) {
    case "replicated":
    case "random":
      return { kind: table.kind };
    case "single":
      return { kind: "single", node: nodeName(table.node!) };
    case "hash":
      return {
        kind: "hash",
        columns: table.columns,
        colocation: colocationId(table.colocation!),
        placements: shards.map((shard) => nodeName(shard.node)),
      };
    case "range":
      return {
        kind: "range",
        columns: table.columns,
        colocation: colocationId(table.colocation!),
        slices: shards.map((shard): RangeSlice => ({
          name: shard.slice!,
          ordinal: shardOrdinal(shard.ordinal),
          node: nodeName(shard.node),
          lessThan: (shard.bounds as (string | { max: true })[]).map((bound) =>
            typeof bound === "string" ? bound : MAXVALUE,
          ),
        })),
      };
    case "list":
      return {
        kind: "list",
        columns: table.columns,
        colocation: colocationId(table.colocation!),
        slices: shards.map((shard): ListSlice => ({
          name: shard.slice!,
          ordinal: shardOrdinal(shard.ordinal),
          node: nodeName(shard.node),
          values: Array.isArray(shard.bounds) ? (shard.bounds as (string | null)[]) : DEFAULT_SLICE,
        })),
      };
    default:
      throw new Error("unknown kind of distribution in pleiad.distributed_table");
  }
}

/** The version that the catalog has now. */
export async function currentVersion(query: Query): Promise<number> {
  return Number((await query("SELECT version FROM pleiad.catalog_version"))[0]![0]);
}

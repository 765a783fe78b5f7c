/** Writing of metadata, inside the transaction of a DDL statement: which colocation group a table joins, where new shards go. */
import { pgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";
import { quoteLiteral } from "../sql/quote.ts";
import type { Query } from "./query.ts";

/** More shards than this cost planning time on every node and gain nothing; the arithmetic of hash/ holds to 65535. */
export const SHARDS_MAX = 4096;

export type DistributionSpec =
  | { readonly kind: "hash"; readonly columns: readonly string[]; readonly shards: number }
  | { readonly kind: "range"; readonly columns: readonly string[]; readonly slices: readonly SliceSpec[] }
  | { readonly kind: "list"; readonly columns: readonly string[]; readonly slices: readonly SliceSpec[] }
  | { readonly kind: "replicated" }
  | { readonly kind: "random" }
  | { readonly kind: "single"; readonly node: string | undefined };

export interface SliceSpec {
  readonly name: string;
  /** Range: upper bounds as type output text, "MAXVALUE" as {max:true}. List: values (null = NULL), or {default:true}. Stored as it is. */
  readonly bounds: readonly (string | null | { readonly max: true })[] | { readonly default: true };
}

/** undefined: join the group of equal keys and counts; "none": a group of its own; otherwise the oid of the table to lie with. */
export type ColocateWith = undefined | "none" | number;

const list = (values: readonly string[]): string => `ARRAY[${values.map(quoteLiteral).join(", ")}]::text[]`;

/**
 * Records how a new table is distributed and decides where its shards lie. Shard n of every group of
 * equal count lies on the same node. Throws 42P16 when it cannot lie with the wanted table, 22023 for an unknown node.
 */
export async function recordDistribution(
  query: Query,
  relation: number,
  spec: DistributionSpec,
  colocateWith: ColocateWith,
): Promise<void> {
  // Two tables created at once must find each other's group, and count each other as a single table.
  await query("LOCK TABLE pleiad.colocation IN SHARE ROW EXCLUSIVE MODE");
  if (spec.kind === "single") {
    const node = await nodeOfSingle(query, relation, spec.node, colocateWith);
    await insert(query, relation, spec.kind, [], undefined, node);
    return;
  }
  if (spec.kind === "replicated" || spec.kind === "random") {
    await insert(query, relation, spec.kind, [], undefined, undefined);
    return;
  }
  const count = checkShards(spec);
  const keyTypes = await describeKey(query, relation, spec);
  const colocation =
    (await chooseGroup(query, spec.kind, keyTypes, count, colocateWith)) ??
    (await createGroup(query, spec, keyTypes, count, colocateWith === "none"));
  await insert(query, relation, spec.kind, spec.columns, colocation, undefined);
}

type ShardedSpec = Extract<DistributionSpec, { columns: readonly string[] }>;

/** What PostgreSQL would say of the partitions only on a data node, or not at all. Gives the number of shards. */
function checkShards(spec: ShardedSpec): number {
  const { columns } = spec;
  const repeated = columns.find((column, i) => columns.indexOf(column) !== i);
  if (repeated !== undefined)
    throw pgError("42701", `column "${repeated}" appears twice in the distribution key`);
  if (spec.kind === "hash") {
    if (!Number.isInteger(spec.shards) || spec.shards < 1 || spec.shards > SHARDS_MAX)
      throw pgError("22023", `number of shards must be between 1 and ${SHARDS_MAX}`);
    return spec.shards;
  }
  if (spec.kind === "list" && columns.length > 1)
    throw pgError("42P17", "cannot distribute by list with more than one column");
  const names = new Set<string>();
  for (const { name, bounds } of spec.slices) {
    if (names.has(name)) throw pgError("42710", `slice "${name}" specified more than once`);
    names.add(name);
    if (spec.kind === "range" && (!Array.isArray(bounds) || bounds.length !== columns.length))
      throw pgError("42P17", `slice "${name}" must have exactly one bound per distribution column`);
  }
  if (names.size === 0 || names.size > SHARDS_MAX)
    throw pgError("22023", `number of slices must be between 1 and ${SHARDS_MAX}`);
  return names.size;
}

/** The named node, or that of the table to lie with, or where the single tables of its schema lie. */
async function nodeOfSingle(
  query: Query,
  relation: number,
  named: string | undefined,
  colocateWith: ColocateWith,
): Promise<string> {
  const nodes = await dataNodes(query);
  if (named !== undefined && !nodes.includes(named))
    throw pgError("22023", `data node "${named}" does not exist`, {
      hint: `The data nodes are ${nodes.join(", ")}.`,
    });
  if (typeof colocateWith !== "number")
    return named ?? (await nodeOfSchema(query, relation)) ?? leastUsed(query);
  const [row] = await query(
    `SELECT node FROM pleiad.distributed_table WHERE relation = ${colocateWith} AND kind = 'single'`,
  );
  const node = row?.[0] ?? undefined;
  if (node === undefined || (named !== undefined && named !== node)) throw cannotColocate();
  return node;
}

/** In the order in which people count: dn2 before dn10. */
async function dataNodes(query: Query): Promise<string[]> {
  const rows = await query("SELECT name FROM pleiad.node WHERE kind = 'data' ORDER BY length(name), name");
  if (rows.length === 0) throw pgError("55000", "the cluster has no data node");
  return rows.map((row) => row[0]!);
}

function cannotColocate(): Error {
  return pgError("42P16", "the table cannot lie together with the table named in COLOCATE WITH", {
    detail:
      "Both must be distributed in the same way: equal kinds, key types, collations and numbers of shards (or equal slices), or on the same node.",
    hint: "Leave COLOCATE WITH out, or make the keys equal.",
  });
}

async function insert(
  query: Query,
  relation: number,
  kind: string,
  columns: readonly string[],
  colocation: number | undefined,
  node: string | undefined,
): Promise<void> {
  await query(
    `INSERT INTO pleiad.distributed_table (relation, kind, columns, colocation, node)
     VALUES (${relation}, ${quoteLiteral(kind)}, ${list(columns)}, ${colocation ?? "NULL"}, ${node === undefined ? "NULL" : quoteLiteral(node)})
     ON CONFLICT (relation) DO UPDATE SET kind = EXCLUDED.kind, columns = EXCLUDED.columns, colocation = EXCLUDED.colocation, node = EXCLUDED.node`,
  );
}

/**
 * Tables of one schema are joined, and refer to each other, often by a foreign key that is only added when all of them are there
 * (as migrations of Django or Rails do): so they lie together unless the user says otherwise.
 */
async function nodeOfSchema(query: Query, relation: number): Promise<string | undefined> {
  const [row] = await query(
    `SELECT d.node FROM pg_catalog.pg_class own JOIN pg_catalog.pg_class c USING (relnamespace)
     JOIN pleiad.distributed_table d ON d.relation = c.oid
     WHERE own.oid = ${relation} AND c.oid <> own.oid AND d.kind = 'single'
     GROUP BY d.node ORDER BY count(*) DESC, length(d.node), d.node LIMIT 1`,
  );
  return row?.[0] ?? undefined;
}

/** The data node with the fewest single tables. */
async function leastUsed(query: Query): Promise<string> {
  const [row] = await query(
    `SELECT n.name FROM pleiad.node n LEFT JOIN pleiad.distributed_table d ON d.kind = 'single' AND d.node = n.name
     WHERE n.kind = 'data' GROUP BY n.name ORDER BY count(d.relation), length(n.name), n.name LIMIT 1`,
  );
  return row![0]!;
}

/**
 * What must be equal for two tables to lie together: types and collations of the key, and the slices. Type modifiers
 * play no part: equal values hash alike whatever their lengths and precisions.
 */
async function describeKey(query: Query, relation: number, spec: ShardedSpec): Promise<string> {
  const rows = await query(
    `SELECT a.attname, a.atttypid::text || CASE WHEN a.attcollation <> 0 THEN '/' || a.attcollation ELSE '' END
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = ${relation} AND a.attnum > 0 AND NOT a.attisdropped`,
  );
  const types = new Map(rows.map(([name, type]) => [name!, type!]));
  const parts = spec.columns.map((column) => {
    const type = types.get(column);
    if (type === undefined)
      throw pgError("42703", `column "${column}" named in the distribution clause does not exist`);
    return type;
  });
  if (spec.kind === "hash") {
    await refuseUnstableHash(query, relation, spec.columns);
    return parts.join(",");
  }
  return `${parts.join(",")} ${JSON.stringify(spec.slices)}`;
}

/** Enums and reg* types hash by OIDs, which differ from server to server: one value would belong to several shards. */
async function refuseUnstableHash(query: Query, relation: number, columns: readonly string[]): Promise<void> {
  const [row] = await query(
    `WITH RECURSIVE part (attname, type) AS (
       SELECT a.attname, a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = ${relation} AND a.attname = ANY (${list(columns)})
       UNION
       SELECT part.attname, inner_type.oid FROM part JOIN pg_catalog.pg_type t ON t.oid = part.type, LATERAL (
         SELECT t.typelem UNION ALL SELECT t.typbasetype
         UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
         UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
       ) inner_type (oid) WHERE inner_type.oid <> 0
     )
     SELECT part.attname, pg_catalog.format_type(t.oid, NULL) FROM part JOIN pg_catalog.pg_type t ON t.oid = part.type
     WHERE t.typtype = 'e' OR (t.typnamespace = 'pg_catalog'::regnamespace AND t.typname LIKE 'reg%') LIMIT 1`,
  );
  if (row !== undefined) throw refusal("hash-key-by-oid", `Column "${row[0]!}" is or contains ${row[1]!}.`);
}

async function chooseGroup(
  query: Query,
  kind: string,
  keyTypes: string,
  count: number,
  colocateWith: ColocateWith,
): Promise<number | undefined> {
  if (colocateWith === "none") return undefined;
  const wanted =
    colocateWith === undefined
      ? "c.shared"
      : `c.id = (SELECT d.colocation FROM pleiad.distributed_table d WHERE d.relation = ${colocateWith})`;
  const [row] = await query(
    `SELECT c.id FROM pleiad.colocation c WHERE ${wanted} AND c.kind = ${quoteLiteral(kind)} AND c.key_types = ${quoteLiteral(keyTypes)} AND c.shard_count = ${count} ORDER BY c.id LIMIT 1`,
  );
  if (row === undefined && colocateWith !== undefined) throw cannotColocate();
  return row === undefined ? undefined : Number(row[0]);
}

async function createGroup(
  query: Query,
  spec: ShardedSpec,
  keyTypes: string,
  count: number,
  alone: boolean,
): Promise<number> {
  const nodes = await dataNodes(query);
  const [row] = await query(
    `INSERT INTO pleiad.colocation (kind, key_types, shard_count, shared) VALUES (${quoteLiteral(spec.kind)}, ${quoteLiteral(keyTypes)}, ${count}, ${!alone}) RETURNING id`,
  );
  const id = Number(row![0]);
  const rows: string[] = [];
  for (let ordinal = 0; ordinal < count; ordinal++) {
    const node = nodes[ordinal % nodes.length]!;
    if (spec.kind === "hash") rows.push(`(${id}, ${ordinal}, ${quoteLiteral(node)}, NULL, NULL)`);
    else {
      const slice = spec.slices[ordinal]!;
      rows.push(
        `(${id}, ${ordinal}, ${quoteLiteral(node)}, ${quoteLiteral(slice.name)}, ${quoteLiteral(JSON.stringify(slice.bounds))}::jsonb)`,
      );
    }
  }
  await query(
    `INSERT INTO pleiad.shard (colocation, ordinal, node, slice, bounds) VALUES ${rows.join(", ")}`,
  );
  return id;
}

/** Removes the metadata of tables that are gone, and of groups without a table. */
export async function forgetDropped(query: Query): Promise<void> {
  await query(
    "DELETE FROM pleiad.distributed_table d WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = d.relation)",
  );
  await query(
    "DELETE FROM pleiad.colocation c WHERE NOT EXISTS (SELECT FROM pleiad.distributed_table d WHERE d.colocation = c.id)",
  );
}

/** Every DDL ends with this: plans made before it are not used after it. */
export async function bumpVersion(query: Query): Promise<void> {
  await query("UPDATE pleiad.catalog_version SET version = version + 1");
}

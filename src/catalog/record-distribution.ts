/** Writing of metadata, inside the transaction of a DDL statement: which colocation group a table joins, where new shards go. */
import { pgError } from "../errors/pg-error.ts";
import type { Query } from "./query.ts";

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

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const list = (values: readonly string[]): string => `ARRAY[${values.map(quoted).join(", ")}]::text[]`;

/**
 * Records how a new table is distributed and decides where its shards lie. Throws 42P16 when it cannot lie with the
 * wanted table, 22023 for an unknown node.
 */
export async function recordDistribution(
  query: Query,
  relation: number,
  spec: DistributionSpec,
  colocateWith: ColocateWith,
): Promise<void> {
  const nodes = (await query("SELECT name FROM pleiad.node WHERE kind = 'data' ORDER BY name")).map(
    (row) => row[0]!,
  );
  if (spec.kind === "single") {
    const node = spec.node ?? (await leastUsed(query));
    if (!nodes.includes(node))
      throw pgError("22023", `data node "${node}" does not exist`, {
        hint: `The data nodes are ${nodes.join(", ")}.`,
      });
    await insert(query, relation, spec.kind, [], undefined, node);
    return;
  }
  if (spec.kind === "replicated" || spec.kind === "random") {
    await insert(query, relation, spec.kind, [], undefined, undefined);
    return;
  }
  const keyTypes = await describeKey(query, relation, spec);
  const count = spec.kind === "hash" ? spec.shards : spec.slices.length;
  const group = await chooseGroup(query, spec.kind, keyTypes, count, colocateWith);
  const colocation =
    group ?? (await createGroup(query, spec, keyTypes, count, nodes, colocateWith === "none"));
  await insert(query, relation, spec.kind, spec.columns, colocation, undefined);
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
     VALUES (${relation}, ${quoted(kind)}, ${list(columns)}, ${colocation ?? "NULL"}, ${node === undefined ? "NULL" : quoted(node)})
     ON CONFLICT (relation) DO UPDATE SET kind = EXCLUDED.kind, columns = EXCLUDED.columns, colocation = EXCLUDED.colocation, node = EXCLUDED.node`,
  );
}

/** The data node with the fewest single tables. */
async function leastUsed(query: Query): Promise<string> {
  const [row] = await query(
    `SELECT n.name FROM pleiad.node n LEFT JOIN pleiad.distributed_table d ON d.kind = 'single' AND d.node = n.name
     WHERE n.kind = 'data' GROUP BY n.name ORDER BY count(d.relation), n.name LIMIT 1`,
  );
  if (row === undefined) throw pgError("55000", "the cluster has no data node");
  return row[0]!;
}

/** What must be equal for two tables to lie together: types and collations of the key, and the slices. */
async function describeKey(
  query: Query,
  relation: number,
  spec: Extract<DistributionSpec, { columns: readonly string[] }>,
): Promise<string> {
  const parts: string[] = [];
  for (const column of spec.columns) {
    const [row] = await query(
      `SELECT a.atttypid::text || CASE WHEN a.attcollation <> 0 THEN '/' || a.attcollation ELSE '' END
       FROM pg_catalog.pg_attribute a WHERE a.attrelid = ${relation} AND a.attname = ${quoted(column)} AND a.attnum > 0 AND NOT a.attisdropped`,
    );
    if (row === undefined)
      throw pgError("42703", `column "${column}" named in the distribution clause does not exist`);
    parts.push(row[0]!);
  }
  const slices = spec.kind === "hash" ? "" : ` ${JSON.stringify(spec.slices.map((slice) => slice.bounds))}`;
  return parts.join(",") + slices;
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
    `SELECT c.id FROM pleiad.colocation c WHERE ${wanted} AND c.kind = ${quoted(kind)} AND c.key_types = ${quoted(keyTypes)} AND c.shard_count = ${count} ORDER BY c.id LIMIT 1`,
  );
  if (row === undefined && colocateWith !== undefined)
    throw pgError("42P16", "the table cannot lie together with the table named in COLOCATE WITH", {
      detail:
        "Both must be distributed in the same way: equal kinds, key types, collations and numbers of shards (or equal slices).",
      hint: "Leave COLOCATE WITH out, or make the keys equal.",
    });
  return row === undefined ? undefined : Number(row[0]);
}

async function createGroup(
  query: Query,
  spec: Extract<DistributionSpec, { columns: readonly string[] }>,
  keyTypes: string,
  count: number,
  nodes: readonly string[],
  alone: boolean,
): Promise<number> {
  const [row] = await query(
    `INSERT INTO pleiad.colocation (kind, key_types, shard_count, shared) VALUES (${quoted(spec.kind)}, ${quoted(keyTypes)}, ${count}, ${!alone}) RETURNING id`,
  );
  const id = Number(row![0]);
  const rows: string[] = [];
  for (let ordinal = 0; ordinal < count; ordinal++) {
    const node = nodes[ordinal % nodes.length]!;
    if (spec.kind === "hash") rows.push(`(${id}, ${ordinal}, ${quoted(node)}, NULL, NULL)`);
    else {
      const slice = spec.slices[ordinal]!;
      rows.push(
        `(${id}, ${ordinal}, ${quoted(node)}, ${quoted(slice.name)}, ${quoted(JSON.stringify(slice.bounds))}::jsonb)`,
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

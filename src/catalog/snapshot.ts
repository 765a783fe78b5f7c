/**
 * The catalog as the planner sees it: an immutable picture of one logical database at one version. Loaded from the
 * catalog node by load-snapshot.ts; a DDL makes a new one. Nothing here does I/O.
 */
import type { ColocationId, NodeName, ShardOrdinal } from "./ids.ts";

/** How a table's rows lie on the data nodes (requirements D2, C3, M2). */
export type Distribution =
  | HashDistribution
  | RangeDistribution
  | ListDistribution
  | { readonly kind: "replicated" }
  /** A part of the rows on every data node, without a rule. */
  | { readonly kind: "random" }
  /** A table container: all rows on one named node. */
  | { readonly kind: "single"; readonly node: NodeName };

export interface HashDistribution {
  readonly kind: "hash";
  readonly columns: readonly string[];
  readonly colocation: ColocationId;
  /** placements[remainder] = the node that holds that shard; the modulus is the length. */
  readonly placements: readonly NodeName[];
}

export interface RangeDistribution {
  readonly kind: "range";
  readonly columns: readonly string[];
  readonly colocation: ColocationId;
  readonly slices: readonly RangeSlice[];
}

export interface RangeSlice {
  readonly name: string;
  readonly ordinal: ShardOrdinal;
  readonly node: NodeName;
  /** Exclusive upper bound, one SQL literal (type output text, unquoted) per key column, or MAXVALUE; the lower bound is the previous slice's. */
  readonly lessThan: readonly (string | typeof MAXVALUE)[];
}

export const MAXVALUE = Symbol("MAXVALUE");

export interface ListDistribution {
  readonly kind: "list";
  readonly columns: readonly string[];
  readonly colocation: ColocationId;
  readonly slices: readonly ListSlice[];
}

export interface ListSlice {
  readonly name: string;
  readonly ordinal: ShardOrdinal;
  readonly node: NodeName;
  /** Values as type output text (null = SQL NULL), or DEFAULT for the slice of all others. */
  readonly values: readonly (string | null)[] | typeof DEFAULT_SLICE;
}

export const DEFAULT_SLICE = Symbol("DEFAULT");

export interface Column {
  readonly name: string;
  /** attnum on the catalog node. */
  readonly number: number;
  readonly typeOid: number;
  /** format_type() with an empty search_path: schema-qualified unless in pg_catalog, modifiers included. */
  readonly typeName: string;
  /** True when the type, its elements or its attributes are not built in: its binary form carries OIDs of one server. */
  readonly userType: boolean;
  /** Qualified collation when it is not the type's default. */
  readonly collation: string | undefined;
  /** False for a nondeterministic collation: equal values may have different bytes. */
  readonly deterministicCollation: boolean;
  /** atttypmod: the length or precision that the type was given; -1 or absent: none. */
  readonly typeModifier?: number;
  /** True when strings of the column are ordered by their bytes (C, C.UTF-8 of the builtin provider): they can be compared here. */
  readonly byteOrder?: boolean;
  readonly notNull: boolean;
  /** pg_get_expr of the default with an empty search_path; for generated columns too. */
  readonly defaultExpression: string | undefined;
  readonly generated: "" | "stored" | "virtual";
  readonly identity: "" | "always" | "by default";
  /** Sequence owned by this column (serial, identity), qualified and quoted. */
  readonly sequence: string | undefined;
}

export interface Index {
  readonly name: string;
  readonly unique: boolean;
  readonly primary: boolean;
  /** Plain columns in order; undefined when an expression, a predicate or another access method than btree is involved. */
  readonly columns: readonly string[] | undefined;
}

/** A table, partitioned table, view, materialised view, sequence or foreign table of the user's schemas. */
export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind:
    | "table"
    | "partitioned table"
    | "view"
    | "materialized view"
    | "sequence"
    | "foreign table"
    | "composite type"
    | "other";
  /** Owner role name: views read with its rights. */
  readonly owner: string;
  readonly columns: readonly Column[];
  readonly indexes: readonly Index[];
  /** Undefined for all that holds no rows of its own. */
  readonly distribution: Distribution | undefined;
  /** False for a materialised view that has not been filled: it cannot be read. */
  readonly populated: boolean;
  readonly rowSecurity: boolean;
  readonly hasTriggers: boolean;
  /** For views: pg_get_viewdef with an empty search_path (every name qualified). */
  readonly viewDefinition: string | undefined;
  readonly securityInvoker: boolean;
  readonly persistence: "permanent" | "unlogged" | "temporary";
  /** For a partition of the user's own PARTITION BY, or an inheritance child: oids of the parents. */
  readonly parents: readonly number[];
}

/** A function, procedure or aggregate that is not of pg_catalog or information_schema. */
export interface Routine {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: "function" | "procedure" | "aggregate" | "window";
  readonly language: string;
  readonly volatility: "immutable" | "stable" | "volatile";
  readonly securityDefiner: boolean;
  readonly returnsSet: boolean;
  /** An argument or its result is of a table's or view's row type: compute nodes do not have it. */
  readonly usesRowType: boolean;
  /** pg_proc.prosrc, or the SQL-standard body as pg_get_functiondef prints it; undefined where the language hides it (C, internal). */
  readonly body: string | undefined;
  /** proconfig has a search_path: names in the body resolve by it. */
  readonly searchPath: readonly string[] | undefined;
  /** Belongs to an extension (a C function of one cannot see user tables by itself unless it runs SQL text). */
  readonly extension: string | undefined;
}

export interface Node {
  readonly name: NodeName;
  readonly kind: "catalog" | "data" | "compute";
}

/** Everything the planner knows; frozen. */
export interface Snapshot {
  /** Grows with every DDL; each cached plan carries the version it was made for. */
  readonly version: number;
  readonly database: string;
  readonly nodes: readonly Node[];
  /** Data nodes in order of their names. */
  readonly dataNodes: readonly NodeName[];
  readonly schemas: ReadonlySet<string>;
  /** Key: schema NUL name. */
  readonly relations: ReadonlyMap<string, Relation>;
  readonly relationsByOid: ReadonlyMap<number, Relation>;
  /** Key: schema NUL name; overloads together. */
  readonly routines: ReadonlyMap<string, readonly Routine[]>;
  /** Names (without schema) of user-defined operators, casts' target types and types: a statement that uses one is opened with care. */
  readonly userOperators: ReadonlySet<string>;
  readonly userTypes: ReadonlyMap<number, UserType>;
}

export interface UserType {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: "enum" | "domain" | "composite" | "range" | "multirange" | "array" | "base";
}

export function relationKey(schema: string, name: string): string {
  return `${schema}\0${name}`;
}

/** Finds a relation as PostgreSQL does: by its schema, or along the search path. pg_catalog and information_schema are not in the snapshot. */
export function findRelation(
  snapshot: Snapshot,
  searchPath: readonly string[],
  schema: string | undefined,
  name: string,
): Relation | undefined {
  if (schema !== undefined) return snapshot.relations.get(relationKey(schema, name));
  for (const s of searchPath) {
    const found = snapshot.relations.get(relationKey(s, name));
    if (found !== undefined) return found;
  }
  return undefined;
}

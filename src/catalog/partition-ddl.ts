/** The DDL that makes a table of a data node a partitioned one with the shards that lie there. Pure text. */
import { pgError } from "../errors/pg-error.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../sql/quote.ts";
import {
  DEFAULT_SLICE,
  MAXVALUE,
  type Distribution,
  type HashDistribution,
  type ListDistribution,
  type RangeDistribution,
} from "./snapshot.ts";

type Sharded = HashDistribution | RangeDistribution | ListDistribution;

/** PostgreSQL cuts longer names off, and "…#3" would become the schema itself. */
const NAME_BYTES_MAX = 63;

/** Schema of a table's shard: "app#17". */
export function shardSchema(schema: string, ordinal: number): string {
  const name = `${schema}#${ordinal}`;
  if (Buffer.byteLength(name) > NAME_BYTES_MAX)
    throw pgError("42622", `schema name "${schema}" is too long for distributed tables`, {
      hint: "Each shard lies in a schema of that name with its number behind it; 58 bytes are always enough.",
    });
  return name;
}

/** PARTITION BY …, or undefined for a table that is plain on its nodes. */
export function partitionByClause(distribution: Distribution): string | undefined {
  if (!("columns" in distribution)) return undefined;
  return `PARTITION BY ${distribution.kind.toUpperCase()} (${distribution.columns.map(quoteIdentifier).join(", ")})`;
}

/** CREATE SCHEMA and CREATE TABLE … PARTITION OF for the shards of one node. */
export function partitionsOnNode(
  schema: string,
  table: string,
  distribution: Sharded,
  node: string,
): string[] {
  const statements: string[] = [];
  for (const { ordinal, bounds } of shardsOnNode(distribution, node)) {
    const home = shardSchema(schema, ordinal);
    statements.push(
      `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(home)}`,
      `GRANT USAGE ON SCHEMA ${quoteIdentifier(home)} TO PUBLIC`,
      `CREATE TABLE ${quoteQualified(home, table)} PARTITION OF ${quoteQualified(schema, table)} ${bounds}`,
    );
  }
  return statements;
}

/** The shards that lie on a node, with their FOR VALUES or DEFAULT clause. */
export function shardsOnNode(distribution: Sharded, node: string): { ordinal: number; bounds: string }[] {
  if (distribution.kind === "hash") {
    const modulus = distribution.placements.length;
    return distribution.placements.flatMap((placement, ordinal) =>
      placement === node
        ? [{ ordinal, bounds: `FOR VALUES WITH (MODULUS ${modulus}, REMAINDER ${ordinal})` }]
        : [],
    );
  }
  if (distribution.kind === "list") {
    return distribution.slices.flatMap((slice) => {
      if (slice.node !== node) return [];
      if (slice.values === DEFAULT_SLICE) return [{ ordinal: slice.ordinal, bounds: "DEFAULT" }];
      const values = slice.values.map((value) => (value === null ? "NULL" : quoteLiteral(value)));
      return [{ ordinal: slice.ordinal, bounds: `FOR VALUES IN (${values.join(", ")})` }];
    });
  }
  const bound = (value: string | typeof MAXVALUE): string =>
    value === MAXVALUE ? "MAXVALUE" : quoteLiteral(value);
  return distribution.slices.flatMap((slice, i) => {
    if (slice.node !== node) return [];
    const from =
      i === 0 ? distribution.columns.map(() => "MINVALUE") : distribution.slices[i - 1]!.lessThan.map(bound);
    return [
      {
        ordinal: slice.ordinal,
        bounds: `FOR VALUES FROM (${from.join(", ")}) TO (${slice.lessThan.map(bound).join(", ")})`,
      },
    ];
  });
}

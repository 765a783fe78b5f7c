/**
 * Where keys go whose spelling or type Pleiad does not read itself: the catalog node coerces them to the column's type and
 * says their hashes, or the slices that take them. A value that the type does not accept goes anywhere: that node's COPY
 * words the error.
 */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { combine, remainderOf, type Hash64 } from "../../catalog/hash/lookup3.ts";
import { keyColumns } from "../../catalog/placement.ts";
import { shardExpression } from "../../catalog/shard-expression.ts";
import type { Column, Relation } from "../../catalog/snapshot.ts";
import { bindWithTail, execute, parse, sync } from "../../protocol/frontend-messages.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import { binaryArray } from "./binary-array.ts";
import type { Sharded } from "./shard-router.ts";

/** HASH_PARTITION_SEED as a bigint. (satisfies_hash_partition() would need the partitioned table, which only the data nodes have: they are busy with the COPY.) */
const SEED = "8816678312871386365";
const BYTEA = 17;

/** One value per key column: its text in `encoding`, or its binary form. */
export type AskedKey = readonly (Buffer | null)[];

export class ShardOracle {
  private readonly relation: Relation;
  private readonly columns: readonly Column[];
  private readonly connection: BackendConnection;
  private readonly binary: boolean;
  private readonly encoding: string;
  private sql: string | undefined;

  constructor(relation: Relation, connection: BackendConnection, binary: boolean, encoding: string) {
    this.relation = relation;
    this.columns = keyColumns(relation);
    this.connection = connection;
    this.binary = binary;
    this.encoding = encoding;
  }

  /** The shard of each key; undefined where none takes it. */
  async shards(keys: readonly AskedKey[]): Promise<(number | undefined)[]> {
    const distribution = this.relation.distribution as Sharded;
    const sql = (this.sql ??= distribution.kind === "hash" ? await this.hashSql() : this.sliceSql());
    const parameters = this.columns.map((column, i) =>
      binaryArray(
        this.binary ? column.typeOid : BYTEA,
        keys.map((key) => key[i]!),
      ),
    );
    const rows = await this.query(sql, parameters);
    if (distribution.kind !== "hash")
      return rows.map((row) => (row[0] === null ? undefined : Number(row[0])));
    return rows.map((row) => remainder(row, distribution.placements.length));
  }

  /** The values v1, v2 … of each key as their column's type; NULL for what the type does not accept. */
  private valuesSql(): string {
    const arrays = this.columns.map((column, i) =>
      this.binary ? `$${i + 1}::${column.typeName}[]` : `$${i + 1}::bytea[]`,
    );
    const names = this.columns.map((_, i) => `b${i + 1}`);
    const values = this.columns.map((column, i) => {
      const collation = column.collation === undefined ? "" : ` COLLATE ${column.collation}`;
      if (this.binary) return `b${i + 1}${collation} AS v${i + 1}`;
      const text = `pg_catalog.convert_from(b${i + 1}, ${quoteLiteral(this.encoding)})`;
      const type = quoteLiteral(column.typeName);
      return `CASE WHEN pleiad.input_is_valid(${text}, ${type}) THEN ${text}::${column.typeName} END${collation} AS v${i + 1}`;
    });
    return `(SELECT ${values.join(", ")}, n FROM unnest(${arrays.join(", ")}) WITH ORDINALITY AS a (${names.join(", ")}, n)) AS k`;
  }

  private async hashSql(): Promise<string> {
    const hashes: string[] = [];
    for (const [i, column] of this.columns.entries()) hashes.push(await this.hashOf(column, `v${i + 1}`));
    return `SELECT ${hashes.join(", ")} FROM ${this.valuesSql()} ORDER BY n`;
  }

  /** By the extended hash function of the type's default operator class, as hash partitioning chooses it. */
  private async hashOf(column: Column, value: string): Promise<string> {
    const [row] = await this.connection.query(`
      WITH RECURSIVE base (type) AS (
        SELECT ${column.typeOid}::oid UNION ALL SELECT t.typbasetype FROM base JOIN pg_catalog.pg_type t ON t.oid = base.type WHERE t.typtype = 'd')
      SELECT p.amproc::oid::pg_catalog.regprocedure::text, t.oid = 1184 AND f.proargtypes[0] = 1114
        FROM base JOIN pg_catalog.pg_type t ON t.oid = base.type AND t.typtype <> 'd'
        JOIN pg_catalog.pg_opclass c ON c.opcmethod = 405 AND c.opcdefault AND (c.opcintype = t.oid
          OR (t.oid = 1043 AND c.opcintype = 25) OR (t.typtype = 'e' AND c.opcintype = 3500) OR (t.typcategory = 'A' AND c.opcintype = 2277)
          OR (t.typtype = 'r' AND c.opcintype = 3831) OR (t.typtype = 'm' AND c.opcintype = 4537) OR (t.typtype = 'c' AND c.opcintype = 2249))
        JOIN pg_catalog.pg_amproc p ON p.amprocfamily = c.opcfamily AND p.amproclefttype = c.opcintype AND p.amprocnum = 2
        JOIN pg_catalog.pg_proc f ON f.oid = p.amproc::oid`);
    if (row === undefined) throw new Error(`type ${column.typeName} has no hash function`);
    const name = row[0]!.slice(0, row[0]!.indexOf("("));
    // Up to PostgreSQL 17 timestamptz has the function of timestamp: the same number of microseconds in UTC.
    const argument = row[1] === "t" ? `${value} AT TIME ZONE 'UTC'` : value;
    return `${name.includes(".") ? name : `pg_catalog.${name}`}(${argument}, ${SEED})`;
  }

  private sliceSql(): string {
    const values = this.columns.map((_, i) => `v${i + 1}`);
    return `SELECT ${shardExpression(this.relation, values)} FROM ${this.valuesSql()} ORDER BY n`;
  }

  private query(sql: string, parameters: readonly Buffer[]): Promise<(string | null)[][]> {
    const { connection } = this;
    const parts: Buffer[] = [Buffer.from([0, 1, 0, 1, 0, parameters.length])];
    for (const parameter of parameters) {
      const length = Buffer.allocUnsafe(4);
      length.writeInt32BE(parameter.length, 0);
      parts.push(length, parameter);
    }
    parts.push(Buffer.from([0, 0]));
    const bind = bindWithTail("", "", Buffer.concat(parts));
    return connection.exchangeRows(Buffer.concat([parse("", sql), bind, execute(""), sync]));
  }
}

/** Hashes come as signed 64-bit integers; NULLs have none. */
function remainder(hashes: readonly (string | null)[], modulus: number): number {
  const row: Hash64 = { high: 0, low: 0 };
  for (const hash of hashes) {
    if (hash === null) continue;
    const value = BigInt.asUintN(64, BigInt(hash));
    combine(row, { high: Number(value >> 32n), low: Number(value & 0xffffffffn) });
  }
  return remainderOf(row, modulus);
}

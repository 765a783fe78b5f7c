/** From the distribution clause as written to what is recorded: slices' values as their type prints them, COLOCATE WITH resolved. */
import type { Query } from "../../catalog/query.ts";
import type { ColocateWith, DistributionSpec, SliceSpec } from "../../catalog/record-distribution.ts";
import { findRelation, type Relation } from "../../catalog/snapshot.ts";
import { pgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { nodeOfReferences } from "../../plan/ddl/judge-keys.ts";
import type { TableDefinition } from "../../plan/ddl/table-definition.ts";
import { parseStatements } from "../../sql/parse.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import type { DistributionClause } from "../../sql/statement.ts";
import type { DdlStatement } from "./ddl-statement.ts";

export interface WantedDistribution {
  readonly spec: DistributionSpec;
  readonly colocateWith: ColocateWith;
}

export async function distributionSpec(
  ddl: DdlStatement,
  clause: DistributionClause | undefined,
  table: TableDefinition,
): Promise<WantedDistribution> {
  const companion = await colocationTarget(ddl, clause);
  const colocateWith: ColocateWith = clause?.colocateWith === "none" ? "none" : companion?.oid;
  const by = clause?.by ?? { kind: "single" as const, node: undefined };
  switch (by.kind) {
    case "single": {
      const beside = companion?.distribution?.kind === "single" ? companion.distribution.node : undefined;
      return {
        spec: { kind: "single", node: by.node ?? beside ?? nodeOfReferences(table, ddl.before) },
        colocateWith: undefined,
      };
    }
    case "replicated":
    case "random":
      return { spec: by, colocateWith: undefined };
    case "hash": {
      checkColumns(table, by.columns);
      const beside =
        companion?.distribution?.kind === "hash" ? companion.distribution.placements.length : undefined;
      return { spec: { ...by, shards: clause?.shards ?? beside ?? ddl.context.defaultShards }, colocateWith };
    }
    case "range": {
      checkColumns(table, by.columns);
      const types = await sliceTypes(ddl, table, by.columns);
      const query = await ddl.asClient();
      const slices: SliceSpec[] = [];
      for (const slice of by.slices) {
        if (slice.lessThan.length !== by.columns.length)
          throw pgError("42601", `slice "${slice.name}" must have one value for each distribution column`);
        const bounds = [];
        for (const [i, value] of slice.lessThan.entries())
          bounds.push(value === "MAXVALUE" ? { max: true as const } : await printed(query, value, types[i]!));
        slices.push({ name: slice.name, bounds });
      }
      return { spec: { kind: "range", columns: by.columns, slices }, colocateWith };
    }
    case "list": {
      checkColumns(table, by.columns);
      if (by.columns.length !== 1) throw pgError("42P16", "a list distribution has exactly one column");
      const [type] = await sliceTypes(ddl, table, by.columns);
      const query = await ddl.asClient();
      const slices: SliceSpec[] = [];
      for (const slice of by.slices) {
        if (slice.values === "DEFAULT") {
          slices.push({ name: slice.name, bounds: { default: true } });
          continue;
        }
        const bounds: (string | null)[] = [];
        for (const value of slice.values) bounds.push(await printed(query, value, type!));
        slices.push({ name: slice.name, bounds });
      }
      return { spec: { kind: "list", columns: by.columns, slices }, colocateWith };
    }
  }
}

async function colocationTarget(
  ddl: DdlStatement,
  clause: DistributionClause | undefined,
): Promise<Relation | undefined> {
  const wanted = clause?.colocateWith;
  if (wanted === undefined || wanted === "none") return undefined;
  const [schema, name] = wanted.length > 1 ? [wanted.at(-2), wanted.at(-1)!] : [undefined, wanted[0]!];
  const relation = findRelation(ddl.before, await ddl.context.searchPath(), schema, name);
  if (relation?.distribution === undefined)
    throw pgError("42P01", `table "${wanted.join(".")}" named in COLOCATE WITH does not exist`);
  return relation;
}

function checkColumns(table: TableDefinition, columns: readonly string[]): void {
  for (const [i, name] of columns.entries()) {
    const column = table.columns.find((c) => c.name === name);
    if (column === undefined)
      throw pgError("42703", `column "${name}" named in the distribution clause does not exist`);
    if (columns.indexOf(name) !== i)
      throw pgError("42701", `column "${name}" appears more than once in the distribution clause`);
    if (column.generated !== "") throw refusal("generated-key", `Column "${name}" of table "${table.name}".`);
  }
}

/** Types of the key, and whether it is a date or time, whose text depends on settings. */
async function sliceTypes(
  ddl: DdlStatement,
  table: TableDefinition,
  columns: readonly string[],
): Promise<readonly { readonly name: string; readonly time: boolean }[]> {
  const gate = await ddl.gate("catalog");
  const types = [];
  for (const name of columns) {
    const [row] = await gate(
      `SELECT t.typtype, t.typcategory FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = ${table.oid} AND a.attname = ${quoteLiteral(name)}`,
    );
    if (row![0] === "d") throw refusal("domain-slices", `Column "${name}" of table "${table.name}".`);
    types.push({ name: table.columns.find((c) => c.name === name)!.type, time: row![1] === "D" });
  }
  return types;
}

/** A value as its type prints it, whatever DateStyle says. */
async function printed(
  query: Query,
  written: string,
  type: { name: string; time: boolean },
): Promise<string | null> {
  const text = `SELECT (${written})::${type.name}`;
  if (parseStatements(text).length !== 1) throw pgError("42601", `invalid value in a slice: ${written}`);
  const value = `(${written})::${type.name}`;
  const [row] = await query(type.time ? `SELECT to_json(${value}) #>> '{}'` : `SELECT (${value})::text`);
  return row![0]!;
}

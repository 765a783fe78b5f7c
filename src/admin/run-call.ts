/** Runs create_distributed_table, create_reference_table and undistribute_table for a client that owns the table. */
import type { Relation } from "../catalog/snapshot.ts";
import type { ColocateWith } from "../catalog/record-distribution.ts";
import { argumentsFunction } from "../catalog/install-admin-functions.ts";
import { findRelation } from "../catalog/snapshot.ts";
import { PgError, pgError } from "../errors/pg-error.ts";
import { clientError } from "../execute/client-error.ts";
import type { DdlStatement } from "../execute/ddl/ddl-statement.ts";
import type { WantedDistribution } from "../execute/ddl/distribution-spec.ts";
import { redistribute } from "../execute/ddl/redistribute.ts";
import { preparedRequest } from "../execute/prepared-request.ts";
import type { Run } from "../execute/run.ts";
import { refusal } from "../errors/refusal.ts";
import { dataRow } from "../protocol/backend-messages.ts";
import { textBindTail } from "../protocol/frontend-messages.ts";
import { quoteLiteral } from "../sql/quote.ts";
import { applySplices } from "../sql/splice.ts";
import { nextToken, isSymbol, tokenName, type Token } from "../sql/tokens.ts";
import type { AdminCall } from "./find-call.ts";

interface Arguments {
  readonly table_name: number | null;
  readonly distribution_column?: string | null;
  readonly distribution_type?: string;
  readonly colocate_with?: string;
  readonly shard_count?: number | null;
}

/** The one row of the answer: a void value. */
export const voidRow = dataRow([""]);

export async function runAdminCall(ddl: DdlStatement, call: AdminCall, run: Run): Promise<void> {
  const given = await readArguments(ddl, call, run);
  // NULL for the table: a strict function would do nothing.
  if (given.table_name === null) throw pgError("22004", "the table must not be NULL");
  const relation = await ownTable(ddl, given.table_name);
  await redistribute(ddl, relation, await wanted(ddl, call, given, relation));
}

/** PostgreSQL evaluates the arguments: the call is sent to a function of the same signature that gives them back. */
async function readArguments(ddl: DdlStatement, call: AdminCall, run: Run): Promise<Arguments> {
  const splices = [{ start: call.start, end: call.end, text: argumentsFunction(call.name) }];
  const connection = await ddl.connection("catalog");
  const sql = applySplices(ddl.statement.text, splices);
  const tail = run.bind?.tail ?? textBindTail([]);
  const request = preparedRequest(connection, undefined, sql, run.parameterTypes, tail, "", 0);
  let rows: (string | null)[][];
  try {
    rows = await connection.exchangeRows(request);
  } catch (error) {
    throw error instanceof PgError ? clientError(error, ddl.statement, splices) : error;
  }
  const json = rows.at(-1)?.[0] ?? "{}";
  return JSON.parse(json) as Arguments;
}

async function ownTable(ddl: DdlStatement, oid: number): Promise<Relation> {
  const relation = ddl.before.relationsByOid.get(oid);
  if (relation?.distribution === undefined || relation.kind !== "table")
    throw pgError("42809", "only ordinary tables can be distributed");
  const [row] = await (
    await ddl.asClient()
  )(`SELECT pg_catalog.pg_has_role(${quoteLiteral(relation.owner)}, 'USAGE')`);
  if (row![0] !== "t") throw pgError("42501", `must be owner of table ${relation.name}`);
  return relation;
}

async function wanted(
  ddl: DdlStatement,
  call: AdminCall,
  given: Arguments,
  relation: Relation,
): Promise<WantedDistribution> {
  const kind = relation.distribution!.kind;
  const again = (): never => {
    throw pgError("42P16", `table "${relation.name}" is already distributed`, {
      hint: `Undistribute it first: SELECT undistribute_table(${quoteLiteral(relation.name)})`,
    });
  };
  switch (call.name) {
    case "create_reference_table":
      if (kind !== "single") again();
      return { spec: { kind: "replicated" }, colocateWith: undefined };
    case "undistribute_table":
      if (kind === "single") throw pgError("42P16", `table "${relation.name}" is not distributed`);
      return { spec: { kind: "single", node: undefined }, colocateWith: undefined };
    case "create_distributed_table": {
      if (kind !== "single") again();
      const column = given.distribution_column ?? undefined;
      if (column === undefined) return { spec: { kind: "single", node: undefined }, colocateWith: undefined };
      if (given.distribution_type !== "hash")
        throw refusal("distribution-type", `The type is "${given.distribution_type}".`);
      const found = relation.columns.find((c) => c.name === column);
      if (found === undefined)
        throw pgError("42703", `column "${column}" of relation "${relation.name}" does not exist`);
      if (found.generated !== "")
        throw refusal("generated-key", `Column "${column}" of table "${relation.name}".`);
      const { colocateWith, shards } = await companion(ddl, given.colocate_with ?? "default");
      return {
        spec: {
          kind: "hash",
          columns: [column],
          shards: given.shard_count ?? shards ?? ddl.context.defaultShards,
        },
        colocateWith,
      };
    }
  }
}

async function companion(
  ddl: DdlStatement,
  written: string,
): Promise<{ colocateWith: ColocateWith; shards: number | undefined }> {
  if (written === "default") return { colocateWith: undefined, shards: undefined };
  if (written === "none") return { colocateWith: "none", shards: undefined };
  const [schema, name] = namePath(written);
  const relation = findRelation(ddl.before, await ddl.context.searchPath(), schema, name);
  if (relation?.distribution === undefined) throw pgError("42P01", `relation "${written}" does not exist`);
  const { distribution } = relation;
  return {
    colocateWith: relation.oid,
    shards: distribution.kind === "hash" ? distribution.placements.length : undefined,
  };
}

/** A table's name as it would be written in SQL. */
function namePath(written: string): readonly [string | undefined, string] {
  const text = Buffer.from(written);
  const parts: string[] = [];
  let token: Token | undefined = nextToken(text, 0);
  while (token !== undefined) {
    if (!isSymbol(text, token, ".")) parts.push(tokenName(text, token));
    token = nextToken(text, token.end);
  }
  return [parts.length > 1 ? parts.at(-2) : undefined, parts.at(-1) ?? ""];
}

/**
 * The functions by which tables are distributed, under the names and signatures that Citus gave them. They stand in
 * pg_catalog, where every search path finds them and pg_dump leaves them out. Pleiad runs them itself, as top-level
 * SELECTs; what is here lets PostgreSQL check and describe such a statement, and says what is wrong anywhere else.
 */
import type { Query } from "./query.ts";

const SIGNATURES = {
  create_distributed_table:
    "table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash', colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL",
  create_reference_table: "table_name regclass",
  undistribute_table: "table_name regclass",
} as const;

export type AdminFunction = keyof typeof SIGNATURES;

export function isAdminFunction(name: string): name is AdminFunction {
  return Object.hasOwn(SIGNATURES, name);
}

/** Gives the arguments back as JSON: PostgreSQL resolves names, notations, defaults and types of them. */
export function argumentsFunction(name: AdminFunction): string {
  return `pleiad.arguments_of_${name}`;
}

const COMMENTS: Readonly<Record<AdminFunction, string>> = {
  create_distributed_table: "Distributes a table by hash of a column; rows that it holds are moved.",
  create_reference_table: "Keeps a copy of a table on every data node.",
  undistribute_table: "Moves all rows of a table to one data node.",
};

function functionSql(name: AdminFunction): string {
  const signature = SIGNATURES[name];
  const parameters = signature.split(", ").map((parameter) => parameter.split(" ")[0]!);
  const pairs = parameters.map((p) => `'${p}', ${p === "table_name" ? "table_name::oid::int8" : p}`);
  return `
CREATE OR REPLACE FUNCTION pg_catalog.${name}(${signature}) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
  RAISE feature_not_supported USING MESSAGE = '${name}() must be the only thing in its statement', HINT = 'Run: SELECT ${name}(…)';
END $body$;
COMMENT ON FUNCTION pg_catalog.${name} IS '${COMMENTS[name]}';
CREATE OR REPLACE FUNCTION ${argumentsFunction(name)}(${signature}) RETURNS json LANGUAGE sql STABLE AS $body$ SELECT json_build_object(${pairs.join(", ")}) $body$;
`;
}

/** On the catalog node, in the database concerned, as the internal superuser. */
export async function installAdminFunctions(query: Query): Promise<void> {
  const functions = (Object.keys(SIGNATURES) as AdminFunction[]).map(functionSql).join("");
  await query(
    `SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS pleiad; ${functions}; RESET client_min_messages`,
  );
}

/** Names that would make what is created a temporary object: those in pg_temp, or unqualified ones where that comes first in the search path. */
import type { Node } from "@pgsql/types";
import { names } from "../../sql/walk.ts";

/** Where the statements that create something else than a relation have its name. */
const NAME_FIELDS: Readonly<Record<string, string>> = {
  CreateFunctionStmt: "funcname",
  DefineStmt: "defnames",
  CreateEnumStmt: "typeName",
  CreateRangeStmt: "typeName",
  CreateDomainStmt: "domainname",
  CreateConversionStmt: "conversion_name",
  CreateOpClassStmt: "opclassname",
  CreateOpFamilyStmt: "opfamilyname",
  CreateStatsStmt: "defnames",
};

/** Is the temporary schema the first of a search_path, as it is written in the setting? */
export function createsInTemporary(searchPath: string | undefined): boolean {
  return searchPath !== undefined && /^\s*"?pg_temp"?\s*(?:,|$)/.test(searchPath);
}

/** Would a statement create a type, function, operator … (no relation) in the temporary schema? */
export function createsTemporaryObject(tree: Node, searchPath: string | undefined): boolean {
  const [type, fields] = Object.entries(tree)[0] as [string, Readonly<Record<string, unknown>>];
  if (type === "CompositeTypeStmt") {
    const { relpersistence, schemaname } = fields["typevar"] as {
      relpersistence?: string;
      schemaname?: string;
    };
    return relpersistence === "t" || isTemporary(schemaname, searchPath);
  }
  const path = names(fields[NAME_FIELDS[type] ?? ""] as readonly Node[] | undefined);
  return path !== undefined && isTemporary(path.at(-2), searchPath);
}

function isTemporary(schema: string | undefined, searchPath: string | undefined): boolean {
  return schema === undefined ? createsInTemporary(searchPath) : schema === "pg_temp";
}

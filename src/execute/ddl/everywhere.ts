/** Definitions that every server has: types, functions, schemas, roles, extensions …; and those that only the catalog node has. */
import type {
  AlterDomainStmt,
  CreateDomainStmt,
  CreateFunctionStmt,
  Node,
  TypeName,
  ViewStmt,
} from "@pgsql/types";
import { relationKey, type Relation } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import { judgeText } from "../../plan/ddl/judge-expressions.ts";
import { quoteIdentifier, quoteLiteral } from "../../sql/quote.ts";
import { names, walk } from "../../sql/walk.ts";
import { nodesWithTable } from "./table-parts.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { refuseChangedKeys } from "./follow-structure.ts";
import { judgeAgain } from "./judge-again.ts";

/** The client's text on every server. */
export async function runEverywhere(ddl: DdlStatement): Promise<string> {
  const nodes = await nodesWithTypes(ddl, [ddl.statement.tree]);
  const tag = await ddl.onCatalog();
  await ddl.onNodes(nodes);
  await ddl.changed();
  return tag;
}

/** The client's text about an object that exists, on every server that has it. */
export async function runWhereItIs(ddl: DdlStatement): Promise<string> {
  const tag = await ddl.onCatalog();
  await ddl.onNodesThatHave(ddl.otherNodes);
  await ddl.changed();
  return tag;
}

/** The same, where columns of tables may have been changed along with it. */
export async function runEverywhereWithTables(ddl: DdlStatement): Promise<string> {
  const tag = await ddl.onCatalog();
  refuseChangedKeys(ddl, await ddl.reload());
  await ddl.onNodes(ddl.otherNodes);
  return tag;
}

/** Sequences, views, comments: shells know them, rows do not. */
export async function runOnCatalogOnly(ddl: DdlStatement): Promise<string> {
  const tag = await ddl.onCatalog();
  await ddl.changed();
  return tag;
}

export async function createView(ddl: DdlStatement): Promise<string> {
  const { ViewStmt: view } = ddl.statement.tree as { ViewStmt: ViewStmt };
  if (checksWrites(view)) throw refusal("view-check-option");
  if (view.view?.relpersistence === "t" || view.view?.schemaname === "pg_temp")
    throw refusal("temporary-object", `View "${view.view.relname}".`);
  return runOnCatalogOnly(ddl);
}

export async function createDomain(ddl: DdlStatement): Promise<string> {
  const { CreateDomainStmt: domain } = ddl.statement.tree as { CreateDomainStmt: CreateDomainStmt };
  return defineDomain(ddl, domain.domainname ?? []);
}

/** The data nodes have the rows: they check a new constraint against them. */
export async function alterDomain(ddl: DdlStatement): Promise<string> {
  const { AlterDomainStmt: domain } = ddl.statement.tree as { AlterDomainStmt: AlterDomainStmt };
  return defineDomain(ddl, domain.typeName ?? []);
}

async function defineDomain(ddl: DdlStatement, path: readonly Node[]): Promise<string> {
  const tag = await ddl.onCatalog();
  const name = (names(path) ?? []).map(quoteIdentifier).join(".");
  const [oid] = (await (await ddl.asClient())(`SELECT ${quoteLiteral(name)}::regtype::oid`))[0]!;
  const expressions = await (
    await ddl.gate("catalog")
  )(
    `SELECT pg_get_expr(conbin, 0) FROM pg_constraint WHERE contypid = ${oid} AND conbin IS NOT NULL
     UNION ALL SELECT typdefault FROM pg_type WHERE oid = ${oid} AND typdefaultbin IS NOT NULL`,
  );
  for (const [expression] of expressions) {
    if (/\bnextval\b/i.test(expression!)) throw refusal("domain-sequence", `Domain ${name}.`);
    judgeText(
      expression!,
      ddl.before,
      "expression-reads-table",
      `A constraint or the default of domain ${name}.`,
    );
  }
  await ddl.onNodes(ddl.otherNodes);
  await ddl.changed();
  return tag;
}

export async function createFunction(ddl: DdlStatement): Promise<string> {
  const { CreateFunctionStmt: create } = ddl.statement.tree as { CreateFunctionStmt: CreateFunctionStmt };
  const path = names(create.funcname) ?? [];
  if (create.sql_body !== undefined) {
    walk(create.sql_body, (type) => {
      if (type === "RangeVar") throw refusal("sql-body-with-tables", `Function "${path.join(".")}".`);
    });
  }
  const tag = await ddl.onCatalog();
  const nodes = await nodesWithTypes(ddl, [ddl.statement.tree]);
  const name = path.at(-1) ?? "";
  const replaces =
    create.replace === true && [...ddl.before.routines.values()].some((list) => list[0]?.name === name);
  if (replaces) await judgeAgain(ddl, await ddl.reload());
  else await ddl.changed();
  await ddl.onNodes(nodes);
  return tag;
}

/** Servers other than the catalog node that have all types named in a statement: a row type exists only where its table does. */
async function nodesWithTypes(ddl: DdlStatement, nodes: readonly Node[]): Promise<readonly string[]> {
  const relations = await relationsInTypes(ddl, nodes);
  return ddl.otherNodes.filter((node) => relations.every((relation) => hasRowType(ddl, relation, node)));
}

/** Relations whose row type, or a column's type of which, a signature or a list of attributes names. */
async function relationsInTypes(ddl: DdlStatement, nodes: readonly Node[]): Promise<readonly Relation[]> {
  const found: Relation[] = [];
  const path = await ddl.context.searchPath();
  walk(nodes, (type, fields) => {
    const inner = { FunctionParameter: "argType", ColumnDef: "typeName", CreateFunctionStmt: "returnType" }[
      type
    ];
    const typeName = (inner === undefined ? (type === "TypeName" ? fields : undefined) : fields[inner]) as
      | TypeName
      | undefined;
    if (typeName === undefined) return;
    const parts = names(typeName.names) ?? [];
    const named = typeName.pct_type === true ? parts.slice(0, -1) : parts;
    const schemas = named.length > 1 ? [named.at(-2)!] : path;
    for (const schema of schemas) {
      const relation = ddl.before.relations.get(relationKey(schema, named.at(-1) ?? ""));
      if (relation === undefined) continue;
      if (relation.kind !== "composite type" && relation.kind !== "sequence") found.push(relation);
      break;
    }
  });
  return found;
}

function hasRowType(ddl: DdlStatement, relation: Relation, node: string): boolean {
  return relation.distribution !== undefined && nodesWithTable(ddl, relation.distribution).includes(node);
}

export async function alterCompositeType(ddl: DdlStatement): Promise<string> {
  const tag = await ddl.onCatalog();
  const [typed] = await (await ddl.gate("catalog"))("SELECT 1 FROM pg_class WHERE reloftype <> 0 LIMIT 1");
  if (typed !== undefined) throw refusal("typed-table-alter");
  refuseChangedKeys(ddl, await ddl.reload());
  await ddl.onNodes(ddl.otherNodes);
  return tag;
}

/** WITH CHECK OPTION, or the option check_option in WITH (…). */
function checksWrites({ withCheckOption, options }: ViewStmt): boolean {
  if (withCheckOption !== undefined && withCheckOption !== "NO_CHECK_OPTION") return true;
  return (options ?? []).some((option) => "DefElem" in option && option.DefElem.defname === "check_option");
}

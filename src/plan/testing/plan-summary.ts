/** A plan in a few lines, as the golden files hold it. */
import { PgError } from "../../errors/pg-error.ts";
import { applySplices } from "../../sql/splice.ts";
import { parseStatements } from "../../sql/parse.ts";
import type { CatalogPlan, GeneralPlan, KeyValue, ReadPlan, ShardFilter } from "../plan.ts";
import { planRead, type PlanContext } from "../plan-read.ts";

/** The summary of a statement's plan; what is refused is one line with SQLSTATE and message. */
export function summarize(sql: string, context: PlanContext): string {
  try {
    return summaryOf(planRead(parseStatements(sql)[0]!, context));
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return refusalLine(error);
  }
}

function refusalLine(error: PgError): string {
  return `refused: ${error.code} ${error.message}`;
}

function summaryOf(plan: ReadPlan | CatalogPlan): string {
  if (plan.kind === "catalog") return `catalog${plan.writes ? ", writes" : ""}`;
  const lines: string[] = [];
  if (plan.direct) {
    const uses = plan.uses.map((use) => `${use.relation.name} ${filterText(use.filter)}`).join("; ");
    const marks = [
      plan.shardNames !== undefined ? "by shard name" : "",
      plan.cost.pointRead ? "point read" : "",
    ];
    lines.push(["direct: " + uses, ...marks].filter((m) => m !== "").join(", "));
    if (plan.directSplices.length > 0)
      lines.push(`  text: ${oneLine(applySplices(plan.statement.text, plan.directSplices))}`);
    if (plan.gather !== undefined) {
      const { limit } = plan.gather;
      lines.push(
        `gather${limit === undefined ? "" : "rows" in limit ? `, ${limit.rows} rows` : `, $${limit.parameter} rows`}`,
      );
    }
  }
  if (plan.general instanceof PgError) lines.push(`general ${refusalLine(plan.general)}`);
  else lines.push(...generalLines(plan, plan.general));
  for (const time of plan.transactionTimes) {
    lines.push(`time: ${plan.statement.text.toString("utf8", time.start, time.end)} = ${time.template}`);
  }
  return lines.join("\n");
}

function generalLines(plan: ReadPlan, general: GeneralPlan): string[] {
  const head = `general on ${general.target}${general.correlated ? ", correlated" : ""}`;
  const tables = general.tables.map((table) => {
    const name = table.temporaryName === table.relation.name ? "" : ` as ${table.temporaryName}`;
    const key = table.primaryKey === undefined ? "" : `, key (${table.primaryKey.join(", ")})`;
    const filter = table.filter === undefined ? "" : ` where ${table.filter.sql}`;
    const parameters =
      table.filter === undefined || table.filter.parameters.length === 0
        ? ""
        : ` with ${table.filter.parameters.map((n) => `$${n}`).join(", ")}`;
    const shards = table.shards.kind === "all" ? "" : ` shards ${filterText(table.shards)}`;
    const lock = table.lock === undefined ? "" : ` ${table.lock}`;
    return `  ship ${table.relation.name}${name} (${table.columns.map((c) => c.name).join(", ")})${key}${filter}${parameters}${shards}${lock}`;
  });
  return [head, ...tables, `  text: ${oneLine(applySplices(plan.statement.text, general.splices))}`];
}

function oneLine(text: Buffer): string {
  return text.toString("utf8").replaceAll(/\s+/g, " ").trim();
}

function filterText(filter: ShardFilter): string {
  switch (filter.kind) {
    case "points":
      return filter.tuples.map((tuple) => `(${tuple.map(value).join(", ")})`).join(" ");
    case "any-of-array":
      return `any of $${filter.parameter}`;
    case "interval":
      return `[${value(filter.lower)} .. ${value(filter.upper)}]`;
    case "intersection":
      return filter.of.map((one) => `<${filterText(one)}>`).join(" and ");
    case "union":
      return filter.of.map((one) => `<${filterText(one)}>`).join(" or ");
    default:
      return filter.kind;
  }
}

function value(key: KeyValue | undefined): string {
  if (key === undefined) return "";
  return key.from === "parameter" ? `$${key.number}` : (key.text ?? "NULL");
}

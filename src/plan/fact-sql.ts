/** Facts that arrived from another table, written as conditions of this one. */
import type { KeyValue } from "../catalog/shard-filter.ts";
import type { Column } from "../catalog/snapshot.ts";
import { quoteIdentifier, quoteLiteral } from "../sql/quote.ts";
import type { Fact } from "./constraint.ts";
import type { ShipFilter } from "./plan.ts";

/** A fact about a column as a condition. */
export function factSql(fact: Fact, column: Column): ShipFilter {
  const values = fact.kind === "in" ? fact.values : fact.kind === "between" ? [fact.lower, fact.upper] : [];
  const parameters = values.flatMap((v) => (v?.from === "parameter" ? [v.number] : []));
  if (fact.kind === "any of array") parameters.push(fact.parameter);
  return { sql: `(${factCondition(fact, quoteIdentifier(column.name))})`, parameters };
}

function factCondition(fact: Fact, name: string): string {
  switch (fact.kind) {
    case "any of array":
      return `${name} = ANY ($${fact.parameter})`;
    case "between": {
      const parts = [];
      if (fact.lower !== undefined) parts.push(`${name} >= ${valueSql(fact.lower)}`);
      if (fact.upper !== undefined) parts.push(`${name} <= ${valueSql(fact.upper)}`);
      return parts.join(" AND ");
    }
    case "in":
      if (fact.values.length === 0) return "false";
      if (fact.values.length === 1) return `${name} = ${valueSql(fact.values[0]!)}`;
      return `${name} IN (${fact.values.map(valueSql).join(", ")})`;
  }
}

function valueSql(value: KeyValue): string {
  if (value.from === "parameter") return `$${value.number}`;
  return value.text === null ? "NULL" : quoteLiteral(value.text);
}

/** A fragment that is a COPY cannot have parameters: their values are written as literals, where that is certain to mean the same. */
import type { ShipFilter } from "../plan/plan.ts";
import { formatOf } from "../protocol/frontend-messages.ts";
import { quoteLiteral } from "../sql/quote.ts";
import type { Run } from "./run.ts";

/** Built-in types by OID whose name may stand behind a literal: bool, int8, int2, int4, text, float4, float8, varchar, date, time, timestamp, timestamptz, numeric, uuid. */
const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [16, "bool"],
  [20, "int8"],
  [21, "int2"],
  [23, "int4"],
  [25, "text"],
  [700, "float4"],
  [701, "float8"],
  [1043, "varchar"],
  [1082, "date"],
  [1083, "time"],
  [1114, "timestamp"],
  [1184, "timestamptz"],
  [1700, "numeric"],
  [2950, "uuid"],
]);

/** The filter's SQL with values for $n; undefined (ship unfiltered) when some value has no certain text form. */
export function inlineParameters(filter: ShipFilter, run: Run): string | undefined {
  if (filter.parameters.length === 0) return filter.sql;
  const literals = new Map<number, string>();
  for (const number of filter.parameters) {
    const literal = literalOf(number, run);
    if (literal === undefined) return undefined;
    literals.set(number, literal);
  }
  return filter.sql.replace(/\$(\d+)/g, (_, number: string) => literals.get(Number(number))!);
}

function literalOf(number: number, run: Run): string | undefined {
  const bind = run.bind;
  const type = run.parameterTypes[number - 1];
  const typeName = type === undefined ? undefined : TYPE_NAMES.get(type);
  if (bind === undefined || typeName === undefined) return undefined;
  const value = bind.values[number - 1];
  if (value === undefined) return undefined;
  if (value === null) return `NULL::pg_catalog.${typeName}`;
  const text =
    formatOf(bind.parameterFormats, number - 1) === 0 ? value.toString() : binaryAsText(type!, value);
  return text === undefined ? undefined : `${quoteLiteral(text)}::pg_catalog.${typeName}`;
}

function binaryAsText(type: number, value: Buffer): string | undefined {
  if (type === 21 && value.length === 2) return String(value.readInt16BE());
  if (type === 23 && value.length === 4) return String(value.readInt32BE());
  if (type === 20 && value.length === 8) return String(value.readBigInt64BE());
  if (type === 25 || type === 1043) return value.toString();
  if (type === 16 && value.length === 1) return value[0] === 0 ? "false" : "true";
  return undefined;
}

/** What EXPLAIN shows of a statement over several servers: steps, each with what it is and, under it, its server's own plan. */

export type ExplainFormat = "text" | "json" | "xml" | "yaml";

export type PropertyValue = string | number | readonly string[];

export interface ExplainStep {
  /** "Fragment on dn1", "Ship public.orders" */
  readonly title: string;
  readonly properties: readonly (readonly [name: string, value: PropertyValue])[];
  /** The server's EXPLAIN output in the wanted format. */
  readonly plan?: string | undefined;
  readonly steps?: readonly ExplainStep[];
}

export interface DistributedPlan {
  /** route, gather, general, catalog, write … */
  readonly level: string;
  readonly properties: readonly (readonly [name: string, value: PropertyValue])[];
  readonly steps: readonly ExplainStep[];
}

/** The actual number of rows that the top of a server's plan reports; undefined without ANALYZE. */
export function actualRows(plan: string, format: ExplainFormat): number | undefined {
  const pattern = {
    text: /\(actual (?:time=\S+ )?rows=([\d.]+)/,
    json: /"Actual Rows": ([\d.]+)/,
    xml: /<Actual-Rows>([\d.]+)</,
    yaml: /Actual Rows: ([\d.]+)/,
  }[format];
  const match = pattern.exec(plan);
  return match === null ? undefined : Number(match[1]);
}

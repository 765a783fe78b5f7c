/** EXPLAIN's formats are valid documents, whatever the statement's text holds. */
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { actualRows, type DistributedPlan } from "./distributed-plan.ts";
import { formatPlan } from "./format-plan.ts";

const plan = (server: string | undefined): DistributedPlan => ({
  level: "gather",
  properties: [["Nodes", ["dn1", "dn2"]]],
  steps: ["dn1", "dn2"].map((node) => ({
    title: `Fragment on ${node}`,
    properties: [
      ["SQL", "SELECT \"a\" <> 'b & c'\n  FROM t"],
      ["Rows", 3],
    ],
    plan: server,
  })),
});

describe("EXPLAIN", () => {
  test("text: one line per line, the server's plan under its fragment", () => {
    expect(formatPlan(plan("Seq Scan on t\n  Filter: (a > 1)"), "text")).toEqual([
      "Distributed Plan: gather",
      "  Nodes: dn1, dn2",
      "  ->  Fragment on dn1",
      "        SQL: SELECT \"a\" <> 'b & c' FROM t",
      "        Rows: 3",
      "        Seq Scan on t",
      "          Filter: (a > 1)",
      "  ->  Fragment on dn2",
      "        SQL: SELECT \"a\" <> 'b & c' FROM t",
      "        Rows: 3",
      "        Seq Scan on t",
      "          Filter: (a > 1)",
    ]);
  });

  test("json: a document with the servers' plans in it", () => {
    const [document] = JSON.parse(
      formatPlan(plan('[{"Plan": {"Node Type": "Seq Scan"}}]'), "json")[0]!,
    ) as readonly { "Distributed Plan": { Steps: readonly { Plan: object }[] } }[];
    expect(document!["Distributed Plan"].Steps.map((step) => step.Plan)).toEqual([
      { "Node Type": "Seq Scan" },
      { "Node Type": "Seq Scan" },
    ]);
  });

  test("json: the plan of the only server stands where tools look for it", () => {
    const one = { ...plan('[{"Plan": {"Node Type": "Result"}}]'), level: "route" };
    const [document] = JSON.parse(
      formatPlan({ ...one, steps: one.steps.slice(0, 1) }, "json")[0]!,
    ) as readonly { Plan: object }[];
    expect(document!.Plan).toEqual({ "Node Type": "Result" });
  });

  test("yaml: a document with the servers' plans in it", () => {
    const text = formatPlan(
      plan('- Plan: \n    Node Type: "Seq Scan"\n    Parallel Aware: false'),
      "yaml",
    )[0]!;
    const [document] = parse(text) as readonly {
      "Distributed Plan": { Steps: readonly { Explain: unknown; SQL: string }[] };
    }[];
    expect(document!["Distributed Plan"].Steps[1]!.Explain).toEqual([
      { Plan: { "Node Type": "Seq Scan", "Parallel Aware": false } },
    ]);
    expect(document!["Distributed Plan"].Steps[0]!.SQL).toContain("\n");
  });

  test("xml: what has a meaning in XML is escaped, the servers' documents lose their roots", () => {
    const text = formatPlan(
      plan('<explain xmlns="http://www.postgresql.org/2009/explain">\n  <Query>\n  </Query>\n</explain>'),
      "xml",
    )[0]!;
    expect(text.match(/<explain/g)!.length).toBe(1);
    expect(text).toContain("SELECT \"a\" &lt;&gt; 'b &amp; c'");
    expect(text.match(/<Query>/g)!.length).toBe(2);
  });

  test("the rows of a server's plan", () => {
    expect(actualRows("Seq Scan on t (actual time=0.01..0.02 rows=7.00 loops=1)", "text")).toBe(7);
    expect(actualRows("Seq Scan on t  (cost=0..1 rows=9 width=4) (actual rows=7 loops=1)", "text")).toBe(7);
    expect(actualRows('[{"Plan": {"Actual Rows": 3.00}}]', "json")).toBe(3);
    expect(actualRows("Seq Scan on t  (cost=0..1 rows=9 width=4)", "text")).toBeUndefined();
  });
});

/**
 * Golden plans: golden/*.plans hold statements over testing/shop-snapshot.ts, each with ---- and the plan's summary. A comment in
 * front says what the case is about, and what must not happen. UPDATE_PLANS=1 rewrites the summaries; review the difference.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { initializeParser } from "../sql/parse.ts";
import { goldenContext } from "./testing/golden-context.ts";
import { summarize } from "./testing/plan-summary.ts";

const folder = new URL("./golden/", import.meta.url);

interface Case {
  readonly comment: string;
  readonly statement: string;
  readonly plan: string;
}

function read(file: string): Case[] {
  return readFileSync(new URL(file, folder), "utf8")
    .split(/\n{2,}/)
    .filter((block) => block.trim() !== "")
    .map((block) => {
      const lines = block.trimEnd().split("\n");
      const rule = lines.indexOf("----");
      const head = rule < 0 ? lines : lines.slice(0, rule);
      return {
        comment: head.filter((l) => l.startsWith("-- ")).join("\n"),
        statement: head.filter((l) => !l.startsWith("-- ")).join("\n"),
        plan: rule < 0 ? "" : lines.slice(rule + 1).join("\n"),
      };
    });
}

beforeAll(initializeParser);

for (const file of readdirSync(folder).filter((name) => name.endsWith(".plans"))) {
  const cases = read(file);
  describe(file, () => {
    if (process.env["UPDATE_PLANS"] === "1") {
      test("rewrite", () => {
        const blocks = cases.map((c) =>
          [c.comment, c.statement, "----", summarize(c.statement, goldenContext(c.statement))]
            .filter((part) => part !== "")
            .join("\n"),
        );
        writeFileSync(new URL(file, folder), `${blocks.join("\n\n")}\n`);
      });
      return;
    }
    test.each(cases.map((c) => [`${c.comment.replaceAll("-- ", "")} ${c.statement}`.trim(), c] as const))(
      "%s",
      (_title, c) => {
        expect(summarize(c.statement, goldenContext(c.statement))).toBe(c.plan);
      },
    );
  });
}

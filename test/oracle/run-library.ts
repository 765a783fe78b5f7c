/**
 * Runs the statement library: `npm run oracle -- [--plain URL --subject URL] [--load] [--layout mixed|scattered|none]
 * [--only joins,windows] [--ids a,b] [--protocol simple|extended] [--pg-bin DIR] [--verbose]`. Without URLs it starts a
 * cluster and a plain PostgreSQL of its own. Exit code 1 when an answer differs.
 */
import { parseArgs } from "node:util";
import { readLibrary } from "./library.ts";
import { runBlock, type BlockResult } from "./run-block.ts";
import { openSides } from "./sides.ts";

const { values } = parseArgs({
  options: {
    plain: { type: "string" },
    subject: { type: "string" },
    load: { type: "boolean", default: false },
    reversed: { type: "boolean", default: false },
    layout: { type: "string", default: "mixed" },
    protocol: { type: "string", default: "simple" },
    only: { type: "string" },
    ids: { type: "string" },
    "pg-bin": { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

const sides = await openSides(values);
const only = values.only?.split(",");
const ids = values.ids?.split(",");
const blocks = [
  ...readLibrary(new URL("./", import.meta.url)),
  ...readLibrary(new URL("regressions/", import.meta.url)),
].filter((block) => (!only || only.includes(block.topic)) && (!ids || ids.includes(block.id)));

const results: BlockResult[] = [];
for (const block of blocks) {
  const protocol = values.protocol === "extended" ? "extended" : "simple";
  const result = await runBlock(sides.plain, sides.subject, block, { layout: sides.layout, protocol });
  results.push(result);
  if (result.kind === "same") continue;
  if (result.kind === "allowed" && !values.verbose) continue;
  console.log(`\n${result.kind}: ${block.id}${block.note ? ` (${block.note})` : ""}\n${result.report}`);
}
await sides.close();

const topics = new Map<string, Map<string, number>>();
for (const { block, kind } of results) {
  const counts = topics.get(block.topic) ?? new Map<string, number>();
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
  topics.set(block.topic, counts);
}
console.log("");
for (const [topic, counts] of topics) {
  console.log(`${topic.padEnd(14)} ${[...counts].map(([kind, count]) => `${count} ${kind}`).join(", ")}`);
}
const bad = results.filter(({ kind }) => kind !== "same" && kind !== "allowed");
console.log(
  `${results.length} blocks, ${results.filter(({ kind }) => kind === "same").length} same, ${bad.length} not`,
);
process.exitCode = bad.length === 0 ? 0 : 1;

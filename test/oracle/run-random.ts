/**
 * Random statements without end: `npm run oracle:random -- [--seed 7] [--count 100000] [--from 0] [--plain URL --subject URL]
 * [--load] [--layout mixed|scattered|none] [--reversed] [--show]`. Prints the seed, and for every difference a block for
 * regressions/. Exit code 1 when an answer differs.
 */
import { parseArgs } from "node:util";
import { render } from "./generate/piece.ts";
import { randomStatement } from "./generate/statement.ts";
import { runRandom } from "./random-oracle.ts";
import { openSides } from "./sides.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    count: { type: "string", default: "1000" },
    from: { type: "string", default: "0" },
    plain: { type: "string" },
    subject: { type: "string" },
    load: { type: "boolean", default: false },
    reversed: { type: "boolean", default: false },
    layout: { type: "string", default: "mixed" },
    failures: { type: "string", default: "10" },
    show: { type: "boolean", default: false },
  },
});

const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const [from, count] = [Number(values.from), Number(values.count)];
if (values.show) {
  for (let number = from; number < from + count; number++) {
    console.log(`-- ${seed}/${number}\n${render(randomStatement(seed, number).piece).sql};\n`);
  }
  process.exit(0);
}

console.log(`seed ${seed}, statements ${from} to ${from + count - 1}`);
const sides = await openSides(values);
const summary = await runRandom(sides.plain, sides.subject, {
  seed,
  from,
  count,
  failuresMax: Number(values.failures),
  onProgress: (executed, failures) => {
    if (executed % 1000 === 0) console.log(`${executed} executed, ${failures} differ`);
  },
  onFailure: ({ kind, number, sql, block, where }) => {
    console.log(`\n${kind}: seed ${seed}, statement ${number}\n${sql}\n\nshrunk:\n${block}${where}\n`);
  },
});
await sides.close();
const errors = [...summary.errors].map(([sqlstate, number]) => `${number} × ${sqlstate}`).join(", ");
console.log(
  `seed ${seed}: ${summary.executed} executed, ${summary.answered} answered (${summary.withRows} with rows), ` +
    `${summary.skipped} skipped, ${summary.failures.length} differ${errors ? `; errors of plain PostgreSQL: ${errors}` : ""}`,
);
process.exitCode = summary.failures.length === 0 ? 0 : 1;

/**
 * Every statement of the library, its regressions, and a fixed number of random statements: Pleiad answers what plain
 * PostgreSQL answers. One cluster for all; every layout of the tables is a database of its own.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Protocol } from "./capture.ts";
import { readLibrary, type Block } from "./library.ts";
import type { Layout } from "./load.ts";
import { runRandom } from "./random-oracle.ts";
import { runBlock } from "./run-block.ts";
import { connectSides, type Sides } from "./sides.ts";
import { startTestServers, type TestServers } from "./test-servers.ts";

const RANDOM_SEED = Number(process.env["ORACLE_SEED"] ?? 20241121);
const RANDOM_COUNT = Number(process.env["ORACLE_COUNT"] ?? 300);

/** What reads only: runs over other layouts too, whose tables have no foreign keys. */
const READING = new Set([
  "routing",
  "joins",
  "subqueries",
  "aggregates",
  "windows",
  "setops",
  "ctes",
  "ordering",
]);

const library = [
  ...readLibrary(new URL("./", import.meta.url)),
  ...readLibrary(new URL("regressions/", import.meta.url)),
];
const topics = new Map<string, Block[]>();
for (const block of library) topics.set(block.topic, [...(topics.get(block.topic) ?? []), block]);

let servers: TestServers;
const sides = new Map<Layout, Sides>();

beforeAll(async () => {
  // In the simple protocol every statement that can gets parameters for its literals; in the extended one they stay.
  servers = await startTestServers({ set: { lift_literals: "always" } });
  for (const layout of ["mixed", "scattered"] as const) {
    const { plain, subject } = await servers.database(`oracle_${layout}`);
    const loaded = servers.cluster ? layout : "none";
    const reversed = servers.cluster === undefined;
    sides.set(layout, await connectSides(plain, subject, { load: true, reversed }, loaded, async () => {}));
  }
});

afterAll(async () => {
  for (const pair of sides.values()) await pair.close();
  await servers?.stop();
});

function sidesOf(layout: Layout): Sides {
  const pair = sides.get(layout);
  if (!pair) throw new Error(`layout ${layout} was not loaded`);
  return pair;
}

async function differences(blocks: readonly Block[], layout: Layout, protocol: Protocol): Promise<string[]> {
  const { plain, subject, layout: loaded } = sidesOf(layout);
  const reports: string[] = [];
  for (const block of blocks) {
    const { kind, report } = await runBlock(plain, subject, block, { layout: loaded, protocol });
    if (kind !== "same" && kind !== "allowed")
      reports.push(`${kind}: ${block.id} (${block.note})\n${report}`);
  }
  return reports;
}

describe("the library answers as plain PostgreSQL does", () => {
  for (const [topic, blocks] of topics) {
    test(`${topic}, simple protocol`, async () => {
      expect(await differences(blocks, "mixed", "simple")).toEqual([]);
    });
    test(`${topic}, extended protocol`, async () => {
      expect(await differences(blocks, "mixed", "extended")).toEqual([]);
    });
    if (READING.has(topic)) {
      test(`${topic}, tables distributed in other ways`, async () => {
        const reading = blocks.filter((block) => block.expect.length === 0);
        expect(await differences(reading, "scattered", "simple")).toEqual([]);
      });
    }
  }
});

describe("random statements", () => {
  for (const layout of ["mixed", "scattered"] as const) {
    test(`${RANDOM_COUNT} from seed ${RANDOM_SEED}, ${layout}`, async () => {
      const { plain, subject } = sidesOf(layout);
      const summary = await runRandom(plain, subject, {
        seed: RANDOM_SEED,
        count: RANDOM_COUNT,
        failuresMax: 3,
      });
      const reports = summary.failures.map(({ sql, block, where }) => `${sql}\n\nshrunk:\n${block}${where}`);
      expect(reports).toEqual([]);
      // A generator that only makes errors would pass as well.
      expect(summary.answered).toBeGreaterThan(summary.executed * 0.9);
    });
  }
});

/**
 * Point reads while others work hard (row N7 of the failure modes): how long one row by its key takes alone, and beside sessions that join
 * tables whose rows lie apart (general plans) and one that loads by COPY. Both sides run the same statements.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { WireConnection, type Endpoint } from "../test/wire/connection.ts";
import { query } from "../test/wire/frames.ts";
import { figure, measure, show, type Comparison, type Figure } from "./interleave.ts";
import { createPgbenchTables, latencies, type PgbenchRun } from "./pgbench.ts";
import { copyLines, mustSucceed, runSql } from "./run-sql.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";
import { WIDE_ROWS, WIDE_ROWS_CLAUSE, wideRows } from "./wide-rows.ts";

/** Reads every account twice, and joins them by what their distribution does not follow. */
const HEAVY = `SELECT a.bid, count(*), sum(b.abalance) FROM pgbench_accounts AS a JOIN pgbench_accounts AS b ON b.aid = a.bid * 100 + a.aid % 1000
 GROUP BY a.bid ORDER BY 2 DESC LIMIT 5`;
const ANALYSTS = 4;
const COPIED_ROWS = 200_000;
const LOAD_BEGINS_MS = 1_000;

const CASES = [
  { name: "alone", joins: false, copies: false },
  { name: "beside general plans", joins: true, copies: false },
  { name: "beside COPY FROM", joins: false, copies: true },
  { name: "beside both", joins: true, copies: true },
];
const PERCENTILES = [50, 99] as const;

export async function analyticLoad(
  { plain, pleiad }: BenchServers,
  options: BenchOptions,
): Promise<(Comparison | Figure)[]> {
  await createPgbenchTables(plain, options.scale, false);
  await createPgbenchTables(pleiad, options.scale, true);
  await runSql(plain, WIDE_ROWS);
  await runSql(pleiad, `${WIDE_ROWS} ${WIDE_ROWS_CLAUSE}`);
  const lines = [...wideRows(COPIED_ROWS)];
  const run = {
    ...options,
    script: "select-only",
    mode: "prepared",
    clients: 8,
    threads: 2,
  } satisfies PgbenchRun;
  for (const at of [plain, pleiad]) await latencies(at, { ...run, seconds: 2 });
  const found: (Comparison | Figure)[] = [];
  for (const { name, joins, copies } of CASES) {
    const sides = { plain: new Side(), pleiad: new Side() };
    for (let i = 0; i < options.runs; i++)
      for (const [side, at] of [
        [sides.plain, plain],
        [sides.pleiad, pleiad],
      ] as const) {
        const load = new Load(at, lines);
        if (joins) load.analyse();
        if (copies) load.copy();
        await sleep(LOAD_BEGINS_MS);
        side.add(await latencies(at, run), await load.stop());
      }
    for (const percentile of PERCENTILES) {
      const [left, right] = [sides.plain.at(percentile), sides.pleiad.at(percentile)];
      const comparison = {
        what: `point read ${name}, p${percentile}`,
        unit: "ms",
        higherIsBetter: false,
        plain: left,
        pleiad: right,
        ratio: left.median / right.median,
      };
      console.log(show(comparison));
      found.push(comparison);
    }
    for (const [server, side] of Object.entries(sides)) {
      const rate = (counts: readonly number[], seconds: number) => counts.map((count) => count / seconds);
      const loaded = options.seconds + LOAD_BEGINS_MS / 1000;
      found.push(figure(`  ${server}: point reads ${name}`, "/s", rate(side.reads, options.seconds)));
      if (joins) found.push(figure(`  ${server}: joins meanwhile`, "/s", rate(side.joins, loaded)));
      if (copies) found.push(figure(`  ${server}: rows copied meanwhile`, "/s", rate(side.copied, loaded)));
    }
  }
  return found;
}

/** What was measured of one server in one case. */
class Side {
  private readonly runs: Float64Array[] = [];
  readonly joins: number[] = [];
  readonly copied: number[] = [];

  add(run: Float64Array, done: { readonly joins: number; readonly copied: number }): void {
    this.runs.push(run);
    this.joins.push(done.joins);
    this.copied.push(done.copied);
  }

  get reads(): number[] {
    return this.runs.map(({ length }) => length);
  }

  at(percentile: number) {
    return measure(this.runs.map((run) => run[Math.floor((run.length * percentile) / 100)] ?? Number.NaN));
  }
}

/** Sessions that work until they are told to stop, each statement to its end. */
class Load {
  private readonly at: Endpoint;
  private readonly lines: readonly string[];
  private readonly working: Promise<void>[] = [];
  private stopping = false;
  private joins = 0;
  private copied = 0;

  constructor(at: Endpoint, lines: readonly string[]) {
    this.at = at;
    this.lines = lines;
  }

  analyse(): void {
    for (let i = 0; i < ANALYSTS; i++) this.working.push(this.join());
  }

  copy(): void {
    this.working.push(this.fill());
  }

  private async join(): Promise<void> {
    const connection = await WireConnection.connect(this.at);
    try {
      while (!this.stopping) {
        connection.send(query(HEAVY));
        mustSucceed(await connection.until("Z"));
        if (!this.stopping) this.joins++;
      }
    } finally {
      await connection.close();
    }
  }

  private async fill(): Promise<void> {
    while (!this.stopping) {
      await runSql(this.at, "TRUNCATE wide_rows");
      await copyLines(this.at, "wide_rows", this.lines);
      if (!this.stopping) this.copied += this.lines.length;
    }
  }

  /** What was done until now. */
  async stop(): Promise<{ readonly joins: number; readonly copied: number }> {
    this.stopping = true;
    const done = { joins: this.joins, copied: this.copied };
    await Promise.all(this.working);
    return done;
  }
}

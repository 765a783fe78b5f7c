/**
 * `npm run bench -- <name> [--runs 3] [--seconds 10] [--scale 10] [--rows 1000000] [--clients 16] [--connections 10000]
 * [--kills 20] [--pg-bin DIR] [--no-pgbouncer] [--no-fsync] [--sources] [--set key=value] [--out file.json]`. Prints
 * minimum / median / maximum of both sides and their ratio, and writes the figures with the machine's description as JSON.
 */
import { writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { analyticLoad } from "./analytic-load.ts";
import { comeAndGo } from "./come-and-go.ts";
import { connections, connectionsSettings } from "./connections.ts";
import { copyIn } from "./copy-in.ts";
import { crashGap, crashGapSettings } from "./crash-gap.ts";
import type { Comparison, Figure } from "./interleave.ts";
import { pointReads } from "./point-reads.ts";
import type { BenchOptions } from "./servers.ts";
import { startBenchServers, type BenchServers } from "./servers.ts";
import { streamOut } from "./stream-out.ts";
import { tpchQueries } from "./tpch-queries.ts";
import { writeScripts } from "./write-scripts.ts";

interface Benchmark {
  readonly about: string;
  /** Where --connections does not say it. */
  readonly connections?: number;
  /** Settings of the cluster that it needs. */
  readonly settings?: (options: BenchOptions) => Readonly<Record<string, string>>;
  readonly run: (servers: BenchServers, options: BenchOptions) => Promise<(Comparison | Figure)[]>;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  "point-reads": { run: pointReads, about: "pgbench -S, 16 clients, simple, extended and prepared" },
  "write-scripts": { run: writeScripts, about: "pgbench tpcb-like and simple-update" },
  "stream-out": {
    run: streamOut,
    about: "a result of a million rows to one client, and the coordinator's memory",
  },
  connections: {
    run: connections,
    connections: 10_000,
    settings: connectionsSettings,
    about: "10,000 open connections: memory of each, and 64 active ones among them",
  },
  "crash-gap": {
    run: crashGap,
    connections: 400,
    settings: crashGapSettings,
    about: "a worker killed under load: how long its clients and others wait",
  },
  "come-and-go": {
    run: comeAndGo,
    connections: 100_000,
    about: "100,000 clients that come and go: memory and open files stay flat",
  },
  "copy-in": { run: copyIn, about: "COPY FROM of a million rows" },
  "analytic-load": {
    run: analyticLoad,
    about: "point reads of 8 clients beside general plans and COPY: p50 and p99",
  },
  tpch: { run: tpchQueries, about: "the 22 queries of TPC-H (--scale 0.1)" },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    runs: { type: "string", default: "3" },
    seconds: { type: "string", default: "10" },
    scale: { type: "string" },
    rows: { type: "string", default: "1000000" },
    clients: { type: "string", default: "16" },
    connections: { type: "string" },
    kills: { type: "string", default: "20" },
    "pg-bin": { type: "string" },
    pgbouncer: { type: "boolean", default: true },
    fsync: { type: "boolean", default: true },
    sources: { type: "boolean", default: false },
    set: { type: "string", multiple: true, default: [] },
    out: { type: "string" },
  },
});

const name = positionals[0] ?? "";
const benchmark = BENCHMARKS[name];
if (!benchmark) {
  console.error(`usage: npm run bench -- <name>\n`);
  for (const [known, { about }] of Object.entries(BENCHMARKS))
    console.error(`  ${known.padEnd(14)} ${about}`);
  process.exit(2);
}

const options: BenchOptions = {
  name,
  runs: Number(values.runs),
  seconds: Number(values.seconds),
  scale: Number(values.scale ?? (name === "tpch" ? "0.1" : "10")),
  rows: Number(values.rows),
  clients: Number(values.clients),
  connections: Number(values.connections ?? benchmark.connections),
  kills: Number(values.kills),
  pgbouncer: values.pgbouncer,
  fsync: values.fsync,
  sources: values.sources,
  pgbench: values["pg-bin"] === undefined ? "pgbench" : join(values["pg-bin"], "pgbench"),
  set: Object.fromEntries(
    values.set.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  ),
};

const servers = await startBenchServers({
  ...options,
  set: { ...benchmark.settings?.(options), ...options.set },
});
try {
  const results = await benchmark.run(servers, options);
  const machine = {
    cpu: cpus()[0]?.model ?? "",
    cores: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
  };
  const out = values.out ?? join(tmpdir(), `pleiad-bench-${name}.json`);
  const result = { name, at: new Date().toISOString(), machine, options, results };
  writeFileSync(out, `${JSON.stringify(result, undefined, 2)}\n`);
  console.log(`written to ${out}`);
} finally {
  await servers.stop();
}

/** TPC-H: each query on both sides in turn, and the geometric mean of the ratios. */
import { loadTpch, tpchQuery } from "../test/tpch/load.ts";
import type { Endpoint } from "../test/wire/connection.ts";
import { WireConnection } from "../test/wire/connection.ts";
import { query } from "../test/wire/frames.ts";
import { compare, type Comparison } from "./interleave.ts";
import { mustSucceed } from "./run-sql.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";

export async function tpchQueries(
  { plain, pleiad }: BenchServers,
  options: BenchOptions,
): Promise<Comparison[]> {
  await loadTpch(plain, { scale: options.scale, distributed: false });
  await loadTpch(pleiad, { scale: options.scale, distributed: true });
  const comparisons: Comparison[] = [];
  for (let number = 1; number <= 22; number++) {
    const sql = tpchQuery(number, options.scale);
    comparisons.push(
      await compare(`Q${number}`, "ms", false, options.runs, {
        plain: () => milliseconds(plain, sql),
        pleiad: () => milliseconds(pleiad, sql),
      }),
    );
  }
  const logarithms = comparisons.reduce((sum, { ratio }) => sum + Math.log(ratio), 0);
  console.log(`geometric mean of the ratios: ${Math.exp(logarithms / comparisons.length).toFixed(2)}`);
  return comparisons;
}

async function milliseconds(at: Endpoint, sql: string): Promise<number> {
  const connection = await WireConnection.connect(at);
  try {
    const start = performance.now();
    connection.send(query(sql));
    mustSucceed(await connection.until("Z"));
    return performance.now() - start;
  } finally {
    await connection.close();
  }
}

/** COPY FROM of many rows over one connection. */
import { compare, type Comparison } from "./interleave.ts";
import { copyLines, runSql } from "./run-sql.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";
import { WIDE_ROWS, WIDE_ROWS_CLAUSE, wideRows } from "./wide-rows.ts";

export async function copyIn({ plain, pleiad }: BenchServers, options: BenchOptions): Promise<Comparison[]> {
  await runSql(plain, WIDE_ROWS);
  await runSql(pleiad, `${WIDE_ROWS} ${WIDE_ROWS_CLAUSE}`);
  // Made before: the clock shall not count it.
  const lines = [...wideRows(options.rows)];
  const load = async (at: typeof plain): Promise<number> => {
    await runSql(at, "TRUNCATE wide_rows");
    return options.rows / (await copyLines(at, "wide_rows", lines));
  };
  const what = `COPY FROM, ${options.rows.toLocaleString("en-US")} rows`;
  return [
    await compare(what, "rows/s", true, options.runs, {
      plain: () => load(plain),
      pleiad: () => load(pleiad),
    }),
  ];
}

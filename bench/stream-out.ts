/** One large result to one client: bytes a second that arrive there, and what the coordinator's memory does meanwhile. */
import { connect } from "node:net";
import { startup, query } from "../test/wire/frames.ts";
import type { Endpoint } from "../test/wire/connection.ts";
import { compare, type Comparison } from "./interleave.ts";
import { peakResidentBytes, residentBytes, resetPeak } from "./process-memory.ts";
import { copyLines, runSql } from "./run-sql.ts";
import type { BenchOptions, BenchServers } from "./servers.ts";
import { WIDE_ROWS, WIDE_ROWS_CLAUSE, wideRows } from "./wide-rows.ts";

const QUERIES = ["SELECT * FROM wide_rows", "SELECT * FROM wide_rows ORDER BY id"];

export async function streamOut(servers: BenchServers, options: BenchOptions): Promise<Comparison[]> {
  const { plain, pleiad, coordinatorPids } = servers;
  await runSql(plain, WIDE_ROWS);
  await runSql(pleiad, `${WIDE_ROWS} ${WIDE_ROWS_CLAUSE}`);
  for (const at of [plain, pleiad]) {
    await copyLines(at, "wide_rows", wideRows(options.rows));
    await runSql(at, "ANALYZE");
  }
  const comparisons: Comparison[] = [];
  for (const sql of QUERIES) {
    const before = residentBytes(coordinatorPids);
    resetPeak(coordinatorPids);
    comparisons.push(
      await compare(sql, "MB/s", true, options.runs, {
        plain: () => megabytesPerSecond(plain, sql, options.rows),
        pleiad: () => megabytesPerSecond(pleiad, sql, options.rows),
      }),
    );
    const peak = peakResidentBytes(coordinatorPids);
    if (before === undefined || peak === undefined) continue;
    console.log(`  coordinator: ${megabytes(before)} MB before, ${megabytes(peak)} MB at most`);
  }
  return comparisons;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** Reads as cheaply as a client can, so that the client is not what is measured: frames are skipped, not decoded. */
async function megabytesPerSecond(at: Endpoint, sql: string, rows: number): Promise<number> {
  const socket = connect(at.port, at.host);
  socket.setNoDelay(true);
  socket.write(startup({ user: at.user, database: at.database }));
  let ready = 0;
  let bytes = 0;
  let start = 0;
  let dataRows = 0;
  let head = Buffer.alloc(0);
  let skip = 0;
  let failure: string | undefined;
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed by the server")));
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      let offset = 0;
      while (offset < chunk.length) {
        if (skip > 0) {
          const step = Math.min(skip, chunk.length - offset);
          skip -= step;
          offset += step;
          continue;
        }
        const need = 5 - head.length;
        head = Buffer.concat([head, chunk.subarray(offset, offset + need)]);
        offset += Math.min(need, chunk.length - offset);
        if (head.length < 5) return;
        const type = head[0];
        skip = head.readInt32BE(1) - 4;
        head = Buffer.alloc(0);
        if (type === 0x44) dataRows++;
        if (type === 0x45) failure = chunk.subarray(offset, offset + 200).toString("latin1");
        if (type !== 0x5a) continue;
        if (++ready === 2) return resolve();
        start = performance.now();
        bytes = 0;
        socket.write(query(sql));
      }
    });
  });
  const seconds = (performance.now() - start) / 1000;
  socket.destroy();
  if (failure !== undefined || dataRows !== rows) throw new Error(`${dataRows} rows; ${failure ?? ""}`);
  return bytes / 1e6 / seconds;
}

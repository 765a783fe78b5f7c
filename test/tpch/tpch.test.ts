/** All 22 queries of TPC-H at scale 0.01: what plain PostgreSQL answers, and something for every query to find. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OracleSide } from "../oracle/capture.ts";
import { compareOutcomes } from "../oracle/compare.ts";
import { ordersRows } from "../oracle/run-block.ts";
import { startTestServers, type TestServers } from "../oracle/test-servers.ts";
import { loadTpch, tpchQuery } from "./load.ts";

const SCALE = 0.01;

let servers: TestServers;
let plain: OracleSide;
let subject: OracleSide;

beforeAll(async () => {
  servers = await startTestServers();
  await loadTpch(servers.plain, { scale: SCALE, distributed: false });
  await loadTpch(servers.subject, { scale: SCALE, distributed: servers.cluster !== undefined });
  plain = await OracleSide.open(servers.plain);
  subject = await OracleSide.open(servers.subject);
});

afterAll(async () => {
  await plain?.close();
  await subject?.close();
  await servers?.stop();
});

describe("TPC-H", () => {
  for (let number = 1; number <= 22; number++) {
    test(`Q${number} answers as plain PostgreSQL does`, async () => {
      const sql = tpchQuery(number, SCALE);
      const sessions = [await plain.session(), await subject.session()] as const;
      const [left, right] = await Promise.all([sessions[0].run(sql), sessions[1].run(sql)]);
      await Promise.all(sessions.map((session) => session.close()));
      expect(left.answers[0]?.error).toBeUndefined();
      expect(left.answers[0]?.rows.flat().some((value) => value !== null)).toBe(true);
      expect(compareOutcomes(left, right, { ordered: ordersRows(sql) })).toEqual({ kind: "same" });
    });
  }
});

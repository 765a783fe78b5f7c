/** Runs random statements on both sides, compares, and shrinks what differs. */
import { compareOutcomes, type Verdict } from "./compare.ts";
import type { OracleSession, OracleSide, Outcome } from "./capture.ts";
import { render, type Piece } from "./generate/piece.ts";
import { shrink } from "./generate/shrink.ts";
import { randomStatement } from "./generate/statement.ts";
import { ordersRows } from "./run-block.ts";

export interface RandomFailure {
  readonly seed: number;
  readonly number: number;
  readonly sql: string;
  /** The smallest statement found that fails in the same way, as a block for regressions/. */
  readonly block: string;
  readonly where: string;
  readonly kind: "refused" | "different";
}

export interface RandomSummary {
  readonly executed: number;
  /** Statements that plain PostgreSQL answered with rows: the rest proves little. */
  readonly answered: number;
  readonly withRows: number;
  /** Took too long on either side, or failed in a way that depends on the plan. */
  readonly skipped: number;
  readonly failures: readonly RandomFailure[];
  readonly errors: ReadonlyMap<string, number>;
}

export interface RandomOptions {
  readonly seed: number;
  readonly from?: number;
  readonly count: number;
  readonly failuresMax?: number;
  readonly onProgress?: (executed: number, failures: number) => void;
  readonly onFailure?: (failure: RandomFailure) => void;
}

/** Sessions differ in what changes results, so that the fragments have to carry it. */
const SETTINGS = [
  "SET TimeZone = 'UTC'",
  "SET TimeZone = 'Europe/Copenhagen'",
  "SET TimeZone = 'America/St_Johns'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'iso_8601'",
];
const STATEMENTS_PER_SESSION = 100;
/** 57014 timeout; 42P22 is raised only where a row is compared. */
const PLAN_DEPENDENT = new Set(["57014", "42P22", "53200", "53400"]);

interface Pair {
  readonly plain: OracleSession;
  readonly subject: OracleSession;
}

export async function runRandom(
  plain: OracleSide,
  subject: OracleSide,
  options: RandomOptions,
): Promise<RandomSummary> {
  const failures: RandomFailure[] = [];
  const errors = new Map<string, number>();
  let [answered, withRows, skipped, executed] = [0, 0, 0, 0];
  let pair: Pair | undefined;
  const from = options.from ?? 0;
  for (let number = from; number < from + options.count; number++) {
    if (pair === undefined || number % STATEMENTS_PER_SESSION === 0) {
      await closePair(pair);
      pair = await openPair(plain, subject, Math.floor(number / STATEMENTS_PER_SESSION));
    }
    const { piece, withParameters } = randomStatement(options.seed, number);
    const { verdict, left, lost } = await judge(pair, piece, withParameters);
    executed++;
    const error = left.answers[0]?.error;
    if (error) errors.set(error.sqlstate, (errors.get(error.sqlstate) ?? 0) + 1);
    else {
      answered++;
      if ((left.answers[0]?.rows.length ?? 0) > 0) withRows++;
    }
    if (verdict === "skipped") skipped++;
    else if (verdict.kind !== "same") {
      const failure = await explain(plain, subject, options.seed, number, verdict);
      failures.push(failure);
      options.onFailure?.(failure);
      if (failures.length >= (options.failuresMax ?? 10)) break;
    }
    if (lost) {
      await closePair(pair);
      pair = undefined;
    }
    options.onProgress?.(executed, failures.length);
  }
  await closePair(pair);
  return { executed, answered, withRows, skipped, failures, errors };
}

async function openPair(plain: OracleSide, subject: OracleSide, number: number): Promise<Pair> {
  const pair = { plain: await plain.session(), subject: await subject.session() };
  for (const session of [pair.plain, pair.subject]) {
    await session.run("SET statement_timeout = '8s'");
    await session.run(SETTINGS[number % SETTINGS.length] ?? "");
  }
  return pair;
}

async function closePair(pair: Pair | undefined): Promise<void> {
  await pair?.plain.close();
  await pair?.subject.close();
}

async function judge(
  pair: Pair,
  piece: Piece,
  withParameters: boolean,
): Promise<{ verdict: Verdict | "skipped"; left: Outcome; lost: boolean }> {
  const { sql, parameters } = render(piece, withParameters);
  const protocol = withParameters ? "extended" : "simple";
  const [left, right] = await Promise.all([
    pair.plain.run(sql, protocol, undefined, parameters),
    pair.subject.run(sql, protocol, undefined, parameters),
  ]);
  const lost = left.state === "-" || right.state === "-";
  const dependent = [left, right].some((outcome) =>
    PLAN_DEPENDENT.has(outcome.answers[0]?.error?.sqlstate ?? ""),
  );
  if (dependent) return { verdict: "skipped", left, lost };
  const ordered = ordersRows(render(piece).sql);
  return { verdict: compareOutcomes(left, right, { ordered }), left, lost };
}

async function explain(
  plain: OracleSide,
  subject: OracleSide,
  seed: number,
  number: number,
  verdict: Verdict,
): Promise<RandomFailure> {
  const { piece, withParameters } = randomStatement(seed, number);
  const kind = verdict.kind === "refused" ? "refused" : "different";
  const session = Math.floor(number / STATEMENTS_PER_SESSION);
  let pair = await openPair(plain, subject, session);
  const still = async (candidate: Piece): Promise<boolean> => {
    const { verdict: other, lost, left } = await judge(pair, candidate, withParameters);
    if (lost) {
      await closePair(pair);
      pair = await openPair(plain, subject, session);
    }
    // A candidate that PostgreSQL itself refuses is another statement.
    return other !== "skipped" && other.kind === kind && !left.answers[0]?.error;
  };
  const small = await shrink(piece, still);
  const { verdict: last } = await judge(pair, small, withParameters);
  await closePair(pair);
  const where =
    last === "skipped" || last.kind === "same" ? (verdict as { where: string }).where : last.where;
  return {
    seed,
    number,
    sql: render(piece).sql,
    block: regressionBlock(seed, number, small, SETTINGS[session % SETTINGS.length] ?? "", withParameters),
    where,
    kind,
  };
}

function regressionBlock(
  seed: number,
  number: number,
  piece: Piece,
  settings: string,
  parameters: boolean,
): string {
  const note = `found by seed ${seed}, statement ${number}${parameters ? ", with its literals as parameters" : ""}`;
  return `-- @id regressions.seed_${seed}_${number} | ${note}\n${settings};\n${render(piece).sql};\n`;
}

/** Limits and turns, with two processes of a node in one memory. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Waiting } from "../backend/pool.ts";
import { pgError, type PgError } from "../errors/pg-error.ts";
import { admissionInts, AdmissionTable } from "../shared-memory/admission-table.ts";
import { Admission, type AdmissionLimits } from "./admission.ts";

const LIMITS: AdmissionLimits = { running: 2, queue: 100, waitMsMax: 60_000, rules: [] };

function node(limits: Partial<AdmissionLimits> = {}) {
  const ints = new Int32Array(admissionInts);
  const table = new AdmissionTable(ints);
  const process = (number: number) => new Admission(table.of(number), { ...LIMITS, ...limits });
  return { table, first: process(0), second: process(1) };
}

/** A statement of a role: whether it runs, how it ended, and how to end its wait. */
class Statement {
  readonly name: string;
  private readonly admission: Admission;
  private readonly group;
  runs = false;
  error: PgError | undefined;
  private interrupt: (error: PgError) => void = () => {};

  constructor(admission: Admission, name: string, user = "u", order: string[] = []) {
    this.name = name;
    this.admission = admission;
    this.group = admission.groupOf(user, "db");
    const waiting: Waiting = {
      begin: (_what, interrupt) => {
        this.interrupt = interrupt;
        return () => {};
      },
    };
    const admitted = () => {
      this.runs = true;
      order.push(name);
    };
    try {
      admission.enter(this.group, waiting, admitted)?.catch((error: PgError) => (this.error = error));
    } catch (error) {
      this.error = error as PgError;
    }
  }

  end(): void {
    this.runs = false;
    this.admission.leave(this.group);
  }

  async cancel(): Promise<void> {
    this.interrupt(pgError("57014", "cancelled"));
    await sleep(0);
  }
}

const running = (statements: readonly Statement[]) =>
  statements.filter(({ runs }) => runs).map((s) => s.name);

/** Ends one after the other, in the order in which they run, until nobody waits. */
async function runAll(statements: readonly Statement[], looks = 200): Promise<void> {
  for (let look = 0; look < looks; look++) {
    statements.find(({ runs }) => runs)?.end();
    await sleep(3);
    if (statements.every(({ runs }) => !runs)) return;
  }
  throw new Error("some never ran");
}

describe("limits", () => {
  test("as many run as may, in both processes together; what one gives back the other takes", async () => {
    const { first, second } = node();
    const statements = [first, first, first, second].map((process, i) => new Statement(process, `s${i}`));
    expect(running(statements)).toEqual(["s0", "s1"]);
    statements[0]!.end();
    expect(running(statements)).toEqual(["s1", "s2"]);
    statements[1]!.end();
    statements[2]!.end();
    await sleep(20);
    expect(running(statements)).toEqual(["s3"]);
    statements[3]!.end();
  });

  test("a rule limits those to whom it applies, the first that fits, and they hold up nobody else", async () => {
    const rules = [
      { user: "chief", database: "all", exempt: true },
      { user: "reports", database: "all", running: 1, exempt: false },
      { user: "all", database: "db", running: 2, exempt: false },
    ];
    const { first, second } = node({ running: 10, rules });
    const statements = ["r0", "r1", "r2"].map((name) => new Statement(first, name, "reports"));
    const others = ["o0", "o1", "o2"].map((name) => new Statement(second, name, "other"));
    expect(running(statements)).toEqual(["r0"]);
    expect(running(others)).toEqual(["o0", "o1"]);
    expect(first.groupOf("chief", "db").exempt).toBe(true);
    await runAll([...statements, ...others]);
  });

  test("the queue is full: 53300, and nothing is counted that does not wait", async () => {
    const { first, second } = node({ queue: 2 });
    const statements = [first, second, first, second, first, second].map((p, i) => new Statement(p, `s${i}`));
    expect(statements.map(({ error }) => error?.code)).toEqual([
      ...Array<undefined>(4).fill(undefined),
      "53300",
      "53300",
    ]);
    expect(statements[5]!.error?.fields).toMatchObject({
      message: "too many statements wait to run",
      detail: "2 statements run, and 2 may wait (admission.queue).",
    });
    await statements[2]!.cancel();
    const late = new Statement(first, "late");
    expect(late.error).toBeUndefined();
    await runAll([...statements, late]);
  });

  test("a full queue of those whom a rule holds up refuses nobody else", async () => {
    const rules = [{ user: "reports", database: "all", running: 1, exempt: false }];
    const { first, second } = node({ queue: 1, rules });
    const reports = [new Statement(first, "r0", "reports"), new Statement(first, "r1", "reports")];
    const others = [new Statement(first, "o0"), new Statement(second, "o1")];
    expect(running(others)).toEqual(["o0"]);
    expect(others[1]!.error?.code).toBe("53300");
    await runAll([...reports, others[0]!]);
  });

  test("the time is over: 53300 that names the limit", async () => {
    const { first } = node({ running: 1, waitMsMax: 30 });
    const statements = [new Statement(first, "s0"), new Statement(first, "s1")];
    await sleep(100);
    expect(statements[1]!.error?.fields).toMatchObject({
      code: "53300",
      message: "the statement could not begin to run within 0.03 s",
      detail: "1 statements may run at once (admission.running).",
    });
    statements[0]!.end();
    expect(statements[1]!.runs).toBe(false);
    expect(new Statement(first, "s2").runs).toBe(true);
  });

  test("whoever gives up leaves the queue, those behind it do not", async () => {
    const { first } = node({ running: 1 });
    const statements = ["s0", "s1", "s2"].map((name) => new Statement(first, name));
    await statements[1]!.cancel();
    expect(statements[1]!.error?.code).toBe("57014");
    statements[0]!.end();
    expect(running(statements)).toEqual(["s2"]);
    statements[2]!.end();
  });

  test("what must run runs, and counts", () => {
    const { first } = node({ running: 1 });
    const group = first.groupOf("u", "db");
    first.enterAtOnce(group);
    first.enterAtOnce(group);
    const statement = new Statement(first, "s");
    first.leave(group);
    expect(statement.runs).toBe(false);
    first.leave(group);
    expect(statement.runs).toBe(true);
    statement.end();
  });

  test("N1: what a process held that was killed goes to those who wait, and its own wait no more", async () => {
    const { table, first, second } = node();
    const dead = ["d0", "d1", "d2", "d3"].map((name) => new Statement(first, name));
    const waiting = ["w0", "w1", "w2"].map((name) => new Statement(second, name));
    expect(running(waiting)).toEqual([]);
    // What the process of the first would do from now on, it does not.
    for (const statement of dead.slice(2)) await statement.cancel();
    table.forgetProcess(0);
    await sleep(20);
    expect(running(waiting)).toEqual(["w0", "w1"]);
    await runAll(waiting);
  });
});

describe("turns", () => {
  test("roles take turns, however many statements each has, and each has its own in the order of their coming", async () => {
    const order: string[] = [];
    const { first } = node({ running: 1 });
    const many = Array.from({ length: 6 }, (_, i) => new Statement(first, `many${i}`, "many", order));
    const few = Array.from({ length: 2 }, (_, i) => new Statement(first, `few${i}`, "few", order));
    await runAll([...many, ...few]);
    expect(order).toEqual(["many0", "many1", "few0", "many2", "few1", "many3", "many4", "many5"]);
  });

  test("in two processes as in one: neither keeps what it gives back to itself", async () => {
    const order: string[] = [];
    const { first, second } = node({ running: 1 });
    const a = Array.from({ length: 5 }, (_, i) => new Statement(first, `a${i}`, "a", order));
    await sleep(2);
    const b = Array.from({ length: 4 }, (_, i) => new Statement(second, `b${i}`, "b", order));
    await runAll([...a, ...b]);
    expect(order).toEqual(["a0", "a1", "b0", "a2", "b1", "a3", "b2", "a4", "b3"]);
  });

  test("who was away for long has no credit, and who has had much owes one turn at most", async () => {
    const order: string[] = [];
    const { first } = node({ running: 1 });
    await runAll(Array.from({ length: 10 }, () => new Statement(first, "", "a")));
    const users = ["b", "b", "b", "b", "a", "a", "a"];
    await runAll(users.map((user, i) => new Statement(first, `${user}${i}`, user, order)));
    expect(order).toEqual(["b0", "b1", "b2", "a4", "b3", "a5", "a6"]);
  });

  test("N9: a process that does not take its turn is passed over", async () => {
    const { table, second } = node({ running: 1 });
    const stopped = table.of(0);
    const runs = new Statement(second, "s0");
    stopped.offer(0, { group: 7, since: 1 });
    const waits = new Statement(second, "s1");
    runs.end();
    expect(waits.runs).toBe(false);
    await sleep(100);
    expect(waits.runs).toBe(true);
    waits.end();
  });
});

/** What a statement of pgbench costs the processes that serve it, as Linux accounts it; nothing is said elsewhere. */
import { readdirSync, readFileSync } from "node:fs";
import { figure, type Figure } from "./interleave.ts";

interface Used {
  /** On all threads, in µs. */
  readonly cpuUs: number;
  /** System calls that read or write. */
  readonly calls: number;
}

export class StatementCost {
  private readonly pids: readonly number[];
  private readonly seconds: number;
  private readonly perStatement: Used[] = [];

  /** `seconds`: how long a run takes. */
  constructor(pids: readonly number[], seconds: number) {
    this.pids = pids;
    this.seconds = seconds;
  }

  /** `run` gives statements a second, and so does this. */
  async during(run: () => Promise<number>): Promise<number> {
    const before = used(this.pids);
    const perSecond = await run();
    const after = used(this.pids);
    if (before === undefined || after === undefined) return perSecond;
    const statements = perSecond * this.seconds;
    this.perStatement.push({
      cpuUs: (after.cpuUs - before.cpuUs) / statements,
      calls: (after.calls - before.calls) / statements,
    });
    return perSecond;
  }

  figures(): Figure[] {
    if (this.perStatement.length === 0) return [];
    return [
      figure(
        "  processor time of the workers for a statement",
        "µs",
        this.perStatement.map(({ cpuUs }) => cpuUs),
      ),
      figure(
        "  their reads and writes for a statement",
        "",
        this.perStatement.map(({ calls }) => calls),
      ),
    ];
  }
}

/** Undefined: not Linux, or one of them has ended. */
function used(pids: readonly number[]): Used | undefined {
  try {
    let cpuUs = 0;
    let calls = 0;
    for (const pid of pids) {
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const [ranNs] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
        cpuUs += Number(ranNs) / 1000;
      }
      const io = readFileSync(`/proc/${pid}/io`, "utf8");
      for (const [, count] of io.matchAll(/^sysc[rw]: (\d+)$/gm)) calls += Number(count);
    }
    return { cpuUs, calls };
  } catch {
    return undefined;
  }
}

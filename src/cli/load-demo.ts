/** Loads the sample data through Pleiad's own COPY and walks through the tour: an ordinary client of the running coordinator. */
import { BackendConnection } from "../backend/backend-connection.ts";
import { readDataRow, readRowDescription } from "../protocol/backend-messages.ts";
import { PgError } from "../errors/pg-error.ts";
import { parseErrorFields } from "../protocol/error-response.ts";
import { copyData, copyDone, copyFail, query } from "../protocol/frontend-messages.ts";
import { Backend } from "../protocol/message-types.ts";
import { demoStatementsAfterLoad, demoTables, type DemoTable } from "./demo-data.ts";
import { demoTour, type TourStop } from "./demo-tour.ts";
import { print, table } from "./output.ts";

const USER = "postgres";
const DATABASE = "postgres";
const BAR_WIDTH = 30;
const BAR_EVERY_MS = 100;
/** Lines of a plan that show the level, the nodes and the fragments. */
const PLAN_LINES = 6;

/** One statement of the tour that reads. */
interface TourAnswer {
  readonly title: string;
  readonly sql: string;
  readonly rows: number;
  readonly ms: number;
  /** First lines of its EXPLAIN. */
  readonly plan: readonly string[];
}

export interface DemoReport {
  /** False: the sample data was there already. */
  readonly loaded: boolean;
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  readonly tour: readonly TourAnswer[];
}

/** `quiet`: nothing is shown, only reported. */
export async function loadDemo(
  target: { readonly host: string; readonly port: number },
  quiet: boolean,
): Promise<DemoReport> {
  const server = { name: "pleiad", kind: "catalog", host: target.host, port: target.port } as const;
  const connection = await BackendConnection.connect(server, {
    user: USER,
    database: DATABASE,
    applicationName: "pleiad demo",
  });
  try {
    const [found] = await connection.query(
      "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'public' AND tablename = 'order_lines'",
    );
    const loaded = found?.[0] === "0";
    if (loaded) await load(connection, quiet);
    else if (!quiet) print("The sample data is there already.");
    const say = quiet ? () => {} : print;
    const tour: TourAnswer[] = [];
    for (const [number, stop] of demoTour.entries())
      tour.push(...(await visit(connection, stop, number + 1, say)));
    return { loaded, tables: demoTables.map(({ name, rows }) => ({ name, rows })), tour };
  } finally {
    connection.close();
  }
}

async function load(connection: BackendConnection, quiet: boolean): Promise<void> {
  for (const sample of demoTables) {
    await connection.query(sample.definition);
    await copyIn(connection, sample, quiet ? undefined : new ProgressBar(sample.name, sample.rows));
  }
  for (const statement of demoStatementsAfterLoad) await connection.query(statement);
}

/** COPY FROM STDIN with a progress bar; waits whenever the coordinator takes no more. */
async function copyIn(
  connection: BackendConnection,
  sample: DemoTable,
  bar: ProgressBar | undefined,
): Promise<void> {
  let failure: PgError | undefined;
  const done = new Promise<void>((resolve) => {
    connection.send(query(`COPY ${sample.name} FROM STDIN`), {
      frame: (type, buffer, start, end) => {
        if (type === Backend.errorResponse) failure ??= new PgError(parseErrorFields(buffer, start + 5, end));
      },
      ready: () => resolve(),
      lost: (error) => {
        failure ??= error;
        resolve();
      },
    });
  });
  try {
    for await (const chunk of sample.chunks()) {
      if (failure !== undefined) break;
      if (!connection.write(copyData(chunk.data))) {
        await new Promise<void>((resolve) => {
          connection.onDrain = resolve;
        });
      }
      bar?.add(chunk.rows);
    }
    connection.write(copyDone);
  } catch (error) {
    connection.write(copyFail(String(error)));
    throw error;
  } finally {
    await done;
    connection.onDrain = undefined;
  }
  if (failure !== undefined) throw failure;
  bar?.end();
}

class ProgressBar {
  private readonly name: string;
  private readonly total: number;
  private readonly startedAt = Date.now();
  private done = 0;
  private shownAt = 0;

  constructor(name: string, total: number) {
    this.name = name;
    this.total = total;
  }

  add(rows: number): void {
    this.done += rows;
    const now = Date.now();
    if (!process.stderr.isTTY || now - this.shownAt < BAR_EVERY_MS) return;
    this.shownAt = now;
    const filled = Math.round((BAR_WIDTH * this.done) / this.total);
    const percent = Math.floor((100 * this.done) / this.total);
    process.stderr.write(
      `\r\u001b[K${this.name} ${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)} ${percent} %`,
    );
  }

  end(): void {
    const seconds = ((Date.now() - this.startedAt) / 1000).toFixed(2);
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
    process.stderr.write(
      `✓ loaded ${this.total.toLocaleString("en")} rows into ${this.name} (${seconds} s)\n`,
    );
  }
}

interface Result {
  readonly columns: readonly string[];
  readonly rows: readonly (string | null)[][];
}

/** The rows of a statement with the names of their columns. */
async function ask(connection: BackendConnection, sql: string): Promise<Result> {
  let columns: string[] = [];
  const rows: (string | null)[][] = [];
  await connection.exchange(query(sql), (type, buffer, start, end) => {
    if (type === Backend.rowDescription)
      columns = readRowDescription(buffer, start, end).map((field) => field.name.toString());
    else if (type === Backend.dataRow)
      rows.push(readDataRow(buffer, start, end).map((value) => (value === null ? null : value.toString())));
  });
  return { columns, rows };
}

async function visit(
  connection: BackendConnection,
  { title, explanation, statements }: TourStop,
  number: number,
  say: (text: string) => void,
): Promise<TourAnswer[]> {
  const answers: TourAnswer[] = [];
  say(`\n${number}. ${title}\n   ${explanation}\n`);
  for (const sql of statements) {
    say(indent(sql, "   "));
    const isRead = /^\s*(select|with)\b/i.test(sql);
    const startedAt = performance.now();
    const result = await ask(connection, sql);
    const ms = performance.now() - startedAt;
    if (!isRead) continue;
    say(
      `\n${indent(table([result.columns, ...result.rows.map((row) => row.map((value) => value ?? ""))]), "   ")}`,
    );
    say(`   (${result.rows.length} rows, ${ms.toFixed(1)} ms)\n`);
    const explained = await ask(connection, `EXPLAIN ${sql}`);
    const plan = explained.rows.slice(0, PLAN_LINES).map((row) => row[0] ?? "");
    say(indent(plan.join("\n"), "   "));
    answers.push({ title, sql, rows: result.rows.length, ms: Number(ms.toFixed(1)), plan });
  }
  return answers;
}

function indent(text: string, by: string): string {
  return text
    .split("\n")
    .map((line) => by + line)
    .join("\n");
}

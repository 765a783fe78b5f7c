/**
 * One conversation held with a plain PostgreSQL and with Pleiad, frame by frame. What a server says is written down as lines
 * that can be compared: rows, tags, errors with their text, hint and context, COPY data.
 */
import { startPlainPostgres, type PlainPostgres } from "../cluster/plain-postgres.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { WireConnection, endpointOf } from "../wire/connection.ts";
import { copyData, copyDone, copyFail, query, type Frame } from "../wire/frames.ts";

export interface CopyInput {
  readonly copy: string;
  readonly data: string | Buffer;
  /** Bytes per CopyData message: they need not align with lines. */
  readonly chunk?: number;
  /** CopyFail instead of CopyDone. */
  readonly fail?: string;
}

/** A statement, or a COPY FROM STDIN with its data. */
export type Step = string | CopyInput;

export interface Sides {
  readonly plain: PlainPostgres;
  readonly pleiad: TestCluster;
  destroy(): Promise<void>;
}

export async function startSides(): Promise<Sides> {
  const [plain, pleiad] = await Promise.all([startPlainPostgres(), startTestCluster()]);
  return {
    plain,
    pleiad,
    destroy: async () => {
      await Promise.all([plain.destroy(), pleiad.destroy()]);
    },
  };
}

/** Plain PostgreSQL knows no distribution. */
export function withoutDistribution(sql: string): string {
  return sql.replace(/\s+(DISTRIBUTE BY|TO NODE)\b[^;]*$/i, "");
}

/** The answers of one side, by step. */
export async function converse(url: string, steps: readonly Step[]): Promise<string[][]> {
  const connection = await WireConnection.connect(endpointOf(url));
  try {
    const answers: string[][] = [];
    for (const step of steps) {
      const frames = typeof step === "string" ? await ask(connection, step) : await copyIn(connection, step);
      answers.push(frames.flatMap(line));
    }
    return answers;
  } finally {
    await connection.close();
  }
}

/** The same on both sides: [plain, pleiad]. */
export async function converseWithBoth(
  { plain, pleiad }: Pick<Sides, "plain" | "pleiad">,
  steps: readonly Step[],
): Promise<[plain: string[][], pleiad: string[][]]> {
  const plainSteps = steps.map((step) => (typeof step === "string" ? withoutDistribution(step) : step));
  return [await converse(plain.url, plainSteps), await converse(pleiad.url, steps)];
}

export async function ask(connection: WireConnection, sql: string): Promise<Frame[]> {
  connection.send(query(sql));
  return connection.until("Z");
}

export async function copyIn(connection: WireConnection, step: CopyInput): Promise<Frame[]> {
  connection.send(query(step.copy));
  const opening = await connection.until("G", "Z");
  if (opening.at(-1)!.type === "Z") return opening;
  const data = Buffer.from(step.data as string);
  const size = step.chunk ?? 64 * 1024;
  for (let at = 0; at < data.length; at += size) connection.send(copyData(data.subarray(at, at + size)));
  connection.send(step.fail === undefined ? copyDone() : copyFail(step.fail));
  return [...opening, ...(await connection.until("Z"))];
}

/** One line for each frame that says something; OIDs and the origin of columns aside. */
export function line({ type, body }: Frame): string[] {
  switch (type) {
    case "C":
      return [body.toString("utf8", 0, body.length - 1)];
    case "D":
      return [rowOf(body)];
    case "d":
      return [`data ${body.toString("latin1")}`];
    case "E":
    case "N":
      return [`${type} ${reportOf(body)}`];
    case "A":
      return [`notification ${body.toString("utf8", 4).replaceAll("\0", " ").trim()}`];
    case "Z":
      return [`ready ${body.toString()}`];
    default:
      return [];
  }
}

function rowOf(body: Buffer): string {
  const values: (string | null)[] = [];
  let at = 2;
  for (let i = body.readInt16BE(0); i > 0; i--) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.toString("utf8", at, at + length));
    at += Math.max(length, 0);
  }
  return JSON.stringify(values);
}

/** Severity, SQLSTATE, message, detail, hint, context and position. */
export function reportOf(body: Buffer): string {
  const wanted = "VCMDHWP";
  const parts = body.toString("utf8", 0, body.length - 1).split("\0");
  return parts.filter((part) => part !== "" && wanted.includes(part[0]!)).join(" | ");
}

/**
 * The same bytes to plain PostgreSQL and to Pleiad, and what each answers, as a list that can be compared: types of messages,
 * SQLSTATEs, values of rows, states of the transaction. Plain PostgreSQL decides what is right.
 */
import { connect } from "node:net";
import { parseErrorFields } from "../../src/protocol/error-response.ts";
import { query, sync, type Frame } from "../wire/frames.ts";
import { ConnectionLostError, WireConnection, type Endpoint } from "../wire/connection.ts";

type NoAnswer = "closed" | "silent";

const answerMsMax = 10_000;

/** Not compared: settings and notices may come in between. */
const unsolicited = new Set(["S", "N", "A"]);

function values(body: Buffer): string {
  const list: string[] = [];
  let at = 2;
  for (let i = body.readUInt16BE(0); i > 0; i--) {
    const length = body.readInt32BE(at);
    at += 4;
    list.push(length < 0 ? "NULL" : body.toString("utf8", at, at + length));
    if (length > 0) at += length;
  }
  return list.join(",");
}

/** A message in one word or few: `T 2`, `D 1,one`, `E 42601`, `C SELECT 1`, `Z I`. */
export function summary({ type, body }: Frame): string {
  if (type === "D") return `D ${values(body)}`;
  if (type === "T") return `T ${body.readUInt16BE(0)}`;
  if (type === "C") return `C ${body.toString("utf8", 0, body.length - 1)}`;
  if (type === "Z") return `Z ${body.toString()}`;
  if (type !== "E") return type;
  const fields = parseErrorFields(body, 0, body.length);
  return `${fields.severity === "FATAL" ? "E fatal" : "E"} ${fields.code}`;
}

async function nextWithin(connection: WireConnection, ms: number): Promise<Frame | NoAnswer> {
  const arrived = connection.next().catch((error: unknown): NoAnswer => {
    if (error instanceof ConnectionLostError) return "closed";
    throw error;
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<NoAnswer>((resolve) => {
    timer = setTimeout(() => resolve("silent"), ms);
  });
  try {
    return await Promise.race([arrived, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function readUntil(
  connection: WireConnection,
  isLast: (summaries: readonly string[]) => boolean,
): Promise<string[]> {
  const answers: string[] = [];
  for (;;) {
    const arrived = await nextWithin(connection, answerMsMax);
    if (typeof arrived === "string") {
      answers.push(arrived);
      break;
    }
    if (unsolicited.has(arrived.type)) continue;
    answers.push(summary(arrived));
    if (isLast(answers)) break;
  }
  return withoutLastWords(answers);
}

/**
 * Before it closes for a length that cannot be, PostgreSQL says nothing and others may say 08P01: failure-modes row S13 allows both.
 */
function withoutLastWords(answers: string[]): string[] {
  if (answers.at(-1) !== "closed") return answers;
  return answers.filter((answer) => answer !== "E fatal 08P01");
}

const endToken = "the end of the conversation";

export interface ConversationOptions {
  /** Closes the client's half behind the bytes instead of asking for a last answer. */
  readonly halfClose?: boolean;
}

/** Sends all at once. Unless told otherwise a Sync, ROLLBACK and a query follow, whose answer shows that the two are still in step. */
export async function converse(
  endpoint: Endpoint,
  bytes: readonly Buffer[],
  options: ConversationOptions = {},
): Promise<string[]> {
  const connection = await WireConnection.connect(endpoint);
  try {
    if (options.halfClose) {
      connection.socket.end(Buffer.concat(bytes));
      return await readUntil(connection, () => false);
    }
    connection.send(...bytes, sync(), query("ROLLBACK"), query(`SELECT '${endToken}'`));
    return await readUntil(
      connection,
      (answers) => answers.at(-1)!.startsWith("Z") && answers.includes(`D ${endToken}`),
    );
  } finally {
    connection.socket.destroy();
  }
}

/** Sends part after part, each when the answer to the one before has come; what comes must come without any Sync of ours. */
export async function converseInSteps(
  endpoint: Endpoint,
  steps: readonly { readonly send: readonly Buffer[]; readonly until: string }[],
): Promise<string[]> {
  const connection = await WireConnection.connect(endpoint);
  try {
    const answers: string[] = [];
    for (const { send, until } of steps) {
      connection.send(...send);
      answers.push(...(await readUntil(connection, (so) => so.at(-1)!.startsWith(until))));
    }
    return answers;
  } finally {
    connection.socket.destroy();
  }
}

/** Bytes in place of a whole connection; what comes until the server closes. */
export async function shout(endpoint: Endpoint, bytes: Buffer): Promise<string> {
  const socket = connect({ host: endpoint.host, port: endpoint.port });
  let heard = "";
  socket.on("data", (chunk) => (heard += chunk.toString("latin1")));
  socket.on("error", () => {});
  socket.write(bytes);
  await new Promise((resolve) => socket.once("close", resolve));
  return heard;
}

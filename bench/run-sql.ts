/** Statements that set a benchmark up; they must succeed. */
import { once } from "node:events";
import { readError } from "../test/oracle/capture.ts";
import { WireConnection, type Endpoint } from "../test/wire/connection.ts";
import { copyData, copyDone, query, type Frame } from "../test/wire/frames.ts";

const CHUNK_BYTES = 64 * 1024;

export async function runSql(at: Endpoint, ...statements: readonly string[]): Promise<void> {
  const connection = await WireConnection.connect(at);
  try {
    for (const sql of statements) {
      connection.send(query(sql));
      mustSucceed(await connection.until("Z"));
    }
  } finally {
    await connection.close();
  }
}

/** Copies lines into a table as fast as the server takes them; seconds that it took. */
export async function copyLines(at: Endpoint, table: string, lines: Iterable<string>): Promise<number> {
  const connection = await WireConnection.connect(at);
  try {
    const start = performance.now();
    connection.send(query(`COPY ${table} FROM STDIN`));
    mustSucceed(await connection.until("G", "Z"));
    let text = "";
    for (const line of lines) {
      text += line;
      if (text.length < CHUNK_BYTES) continue;
      if (!connection.socket.write(copyData(Buffer.from(text)))) await once(connection.socket, "drain");
      text = "";
    }
    connection.send(copyData(Buffer.from(text)), copyDone());
    mustSucceed(await connection.until("Z"));
    return (performance.now() - start) / 1000;
  } finally {
    await connection.close();
  }
}

export function mustSucceed(frames: readonly Frame[]): void {
  const error = frames.find((arrived) => arrived.type === "E");
  if (!error) return;
  const { sqlstate, message, detail } = readError(error.body);
  throw new Error(`${sqlstate} ${message} ${detail}`);
}

/** Creates the tables of TPC-H on one server and copies the rows, as a stream: memory stays flat at any scale. */
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { splitStatements } from "../oracle/split-statements.ts";
import { readError } from "../oracle/capture.ts";
import { WireConnection, type Endpoint } from "../wire/connection.ts";
import { copyData, copyDone, query, type Frame } from "../wire/frames.ts";
import { TABLES, tpchLines, type TpchTable } from "./generate.ts";

const CHUNK_BYTES = 64 * 1024;
const read = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");
const CLAUSES = JSON.parse(read("distribution.json")) as Record<string, string>;

export interface TpchLoad {
  readonly scale: number;
  readonly distributed: boolean;
  /** Physical order of the rows turned round. */
  readonly reversed?: boolean;
  readonly onTable?: (table: TpchTable) => void;
}

export async function loadTpch(at: Endpoint, options: TpchLoad): Promise<void> {
  const connection = await WireConnection.connect(at);
  try {
    for (const { sql } of splitStatements(read("schema.sql"))) {
      const table = /CREATE TABLE (\w+)/.exec(sql)?.[1];
      const clause = options.distributed && table !== undefined ? CLAUSES[table] : undefined;
      await command(connection, clause === undefined ? sql : `${sql} ${clause}`);
    }
    for (const table of TABLES) {
      options.onTable?.(table);
      await copyTable(connection, table, options);
    }
    await command(connection, "ANALYZE");
  } finally {
    await connection.close();
  }
}

/** The 22 queries by number, with what depends on the scale filled in. */
export function tpchQuery(number: number, scale: number): string {
  const text = read(`queries/${String(number).padStart(2, "0")}.sql`);
  return text
    .replaceAll(":fraction", (0.0001 / scale).toFixed(10))
    .trim()
    .replace(/;$/, "");
}

async function copyTable(connection: WireConnection, table: TpchTable, options: TpchLoad): Promise<void> {
  connection.send(query(`COPY ${table} FROM STDIN`));
  mustSucceed(await connection.until("G", "Z"));
  const lines = tpchLines(table, options.scale);
  let text = "";
  for (const line of options.reversed ? [...lines].toReversed() : lines) {
    text += `${line}\n`;
    if (text.length < CHUNK_BYTES) continue;
    if (!connection.socket.write(copyData(Buffer.from(text)))) await once(connection.socket, "drain");
    text = "";
  }
  connection.send(copyData(Buffer.from(text)), copyDone());
  mustSucceed(await connection.until("Z"));
}

async function command(connection: WireConnection, sql: string): Promise<void> {
  connection.send(query(sql));
  mustSucceed(await connection.until("Z"));
}

function mustSucceed(frames: readonly Frame[]): void {
  const error = frames.find((arrived) => arrived.type === "E");
  if (!error) return;
  const { sqlstate, message, detail } = readError(error.body);
  throw new Error(`${sqlstate} ${message} ${detail}`);
}

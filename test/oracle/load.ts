/** Brings schema and rows to one side; on the subject each CREATE TABLE gets its distribution clause. */
import { readFileSync } from "node:fs";
import { dataset } from "./dataset.ts";
import { splitStatements } from "./split-statements.ts";
import type { OracleSession, OracleSide } from "./capture.ts";

export type Layout = "none" | "mixed" | "scattered";

const SCHEMA = readFileSync(new URL("schema.sql", import.meta.url), "utf8");
const LAYOUTS = JSON.parse(readFileSync(new URL("distribution.json", import.meta.url), "utf8")) as Record<
  string,
  Record<string, string>
>;

/** Puts the table's clause where the grammar wants it: before PARTITION BY or AS, else at the end. */
export function distribute(statement: string, layout: Layout): string {
  const name = /^\s*CREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"?([a-z0-9_]+)"?/i.exec(
    statement,
  )?.[1];
  const clause = name === undefined || layout === "none" ? undefined : LAYOUTS[layout]?.[name];
  if (clause === undefined) return statement;
  const before =
    /\s+(?:PARTITION\s+BY\s|AS\s+(?:SELECT|VALUES|TABLE|WITH|EXECUTE)\b)/i.exec(statement)?.index ??
    statement.length;
  const distributed = `${statement.slice(0, before).trimEnd()} ${clause}${statement.slice(before)}`;
  return layout === "scattered" ? withoutForeignKeys(distributed) : distributed;
}

/** Where nothing lies together no foreign key can be kept; for reading they make no difference. */
function withoutForeignKeys(statement: string): string {
  return statement
    .replace(/,\s*FOREIGN KEY \([^)]*\) REFERENCES \w+ \([^)]*\)/g, "")
    .replace(/ REFERENCES \w+ \([^)]*\)/g, "");
}

export interface LoadOptions {
  readonly layout: Layout;
  /** Rows in the opposite physical order: what depends on it shows as a difference between two plain servers. */
  readonly reversed?: boolean;
}

export async function loadOracleData(side: OracleSide, options: LoadOptions): Promise<void> {
  const session = await side.session();
  try {
    for (const { sql } of splitStatements(SCHEMA)) await must(session, distribute(sql, options.layout));
    for (const { table, lines } of dataset()) {
      // A table that refers to itself needs its parents first.
      const ordered = options.reversed && table !== "genres" ? lines.toReversed() : lines;
      await must(session, `COPY ${table} FROM STDIN`, `${ordered.join("\n")}\n`);
    }
    await must(session, "ANALYZE");
  } finally {
    await session.close();
  }
}

async function must(session: OracleSession, sql: string, copyIn?: string): Promise<void> {
  const { answers } = await session.run(sql, "simple", copyIn);
  const error = answers.find((answer) => answer.error)?.error;
  if (error)
    throw new Error(`${error.sqlstate} ${error.message} (${error.detail})\nin: ${sql.slice(0, 400)}`);
}

/** The catalog room's Query through a server's gate: as Pleiad's own role, inside the transaction of the client's connection. */
import type { Query } from "../../catalog/query.ts";
import { parseStatements } from "../../sql/parse.ts";
import { quoteLiteral } from "../../sql/quote.ts";
import { applySplices } from "../../sql/splice.ts";
import { tokenize, tokenText } from "../../sql/tokens.ts";

/** `query` sends parameters as bind parameters: the secret is never part of a statement's text. */
export function gateQuery(query: Query, secret: string): Query {
  return async (sql, parameters) => {
    const text = inlineValues(sql, parameters ?? []);
    if (!givesRows(text)) {
      await query("SELECT pleiad.gate_execute($1, $2)", [text, secret]);
      return [];
    }
    const rows = await query("SELECT pleiad.gate_rows($1, $2)", [text, secret]);
    return rows.map((row) => readComposite(row[0]!));
  };
}

/** The gate's functions take one text: values stand in it as literals, whose types PostgreSQL infers as it does for parameters. */
function inlineValues(sql: string, values: readonly (string | null)[]): string {
  if (values.length === 0) return sql;
  const text = Buffer.from(sql);
  const splices = tokenize(text)
    .filter((token) => token.kind === "parameter")
    .map(({ start, end, ...token }) => {
      const value = values[Number(tokenText(text, { start, end, ...token }).slice(1)) - 1] ?? null;
      return { start, end, text: value === null ? "NULL" : quoteLiteral(value) };
    });
  return applySplices(text, splices).toString();
}

function givesRows(sql: string): boolean {
  const statements = parseStatements(sql);
  if (statements.length !== 1) return false;
  const [type, fields] = Object.entries(statements[0]!.tree)[0] as [
    string,
    { returningClause?: unknown; returningList?: unknown },
  ];
  return type === "SelectStmt" || fields.returningClause !== undefined || fields.returningList !== undefined;
}

/** The columns of a composite value in text form: (a,,"b ""c"" \\ d"). */
export function readComposite(text: string): (string | null)[] {
  const values: (string | null)[] = [];
  let at = 1;
  for (;;) {
    let value = "";
    let present = false;
    while (text[at] !== "," && !(text[at] === ")" && at === text.length - 1)) {
      present = true;
      if (text[at] === '"') at = readQuoted(text, at + 1, (part) => (value += part));
      else if (text[at] === "\\") {
        value += text[at + 1]!;
        at += 2;
      } else value += text[at++]!;
    }
    values.push(present ? value : null);
    if (text[at] === ")") return values;
    at++;
  }
}

function readQuoted(text: string, from: number, add: (part: string) => void): number {
  let at = from;
  for (;;) {
    if (text[at] === '"') {
      if (text[at + 1] !== '"') return at + 1;
      add('"');
      at += 2;
    } else if (text[at] === "\\") {
      add(text[at + 1]!);
      at += 2;
    } else {
      let end = at;
      while (end < text.length && text[end] !== '"' && text[end] !== "\\") end++;
      add(text.slice(at, end));
      at = end;
    }
  }
}

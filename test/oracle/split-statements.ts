/** Cuts SQL text into statements at semicolons outside of quotes, comments and BEGIN ATOMIC bodies; COPY data follow inline. */

export interface SourceStatement {
  readonly sql: string;
  /** Text after COPY … FROM STDIN up to the line `\.`. */
  readonly copyIn: string | undefined;
}

const TOKEN =
  /--[^\n]*|\/\*|'|[eE]'|"(?:[^"]|"")*"|\$([A-Za-z_][A-Za-z0-9_]*)?\$|;|\bBEGIN\s+ATOMIC\b|\bCASE\b|\bEND\b/gi;

export function splitStatements(text: string): SourceStatement[] {
  const statements: SourceStatement[] = [];
  let start = 0;
  let atomic = 0;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    const token = match[0].toUpperCase();
    if (token === "/*") TOKEN.lastIndex = endOfComment(text, match.index);
    else if (token === "'") TOKEN.lastIndex = endOfQuote(text, match.index + 1, false);
    else if (token === "E'") TOKEN.lastIndex = endOfQuote(text, match.index + 2, true);
    else if (token.startsWith("$")) TOKEN.lastIndex = endOfDollar(text, match.index, match[0]);
    else if (token.startsWith("BEGIN")) atomic = 1;
    else if (token === "CASE" && atomic > 0) atomic++;
    else if (token === "END" && atomic > 0) atomic--;
    else if (token === ";" && atomic === 0) {
      const sql = text.slice(start, match.index).trim();
      let end = match.index + 1;
      let copyIn: string | undefined;
      if (/^COPY\b[\s\S]*\bFROM\s+STDIN\b/i.test(sql)) {
        const from = text.indexOf("\n", end) + 1;
        const to = text.indexOf("\\.\n", from);
        if (to >= 0) {
          copyIn = text.slice(from, to);
          end = to + 3;
        }
      }
      if (sql !== "") statements.push({ sql, copyIn });
      start = end;
      TOKEN.lastIndex = end;
    }
  }
  const last = text.slice(start).trim();
  if (last !== "") statements.push({ sql: last, copyIn: undefined });
  return statements;
}

function endOfQuote(text: string, from: number, escapes: boolean): number {
  let at = from;
  while (at < text.length) {
    if (escapes && text[at] === "\\") at += 2;
    else if (text[at] === "'" && text[at + 1] === "'") at += 2;
    else if (text[at] === "'") return at + 1;
    else at++;
  }
  return text.length;
}

function endOfDollar(text: string, from: number, tag: string): number {
  const end = text.indexOf(tag, from + tag.length);
  return end < 0 ? text.length : end + tag.length;
}

/** Comments nest in SQL. */
function endOfComment(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const pair = text.slice(at, at + 2);
    if (pair === "/*") depth++;
    if (pair === "*/" && --depth === 0) return at + 2;
  }
  return text.length;
}

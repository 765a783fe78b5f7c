/** Says where two outcomes part. Rows are compared as multisets unless the statement orders them. */
import type { Answer, AnswerColumn, Outcome } from "./capture.ts";

export type Verdict =
  | { readonly kind: "same" }
  /** The subject says 0A000 where PostgreSQL answers. */
  | { readonly kind: "refused"; readonly where: string }
  | { readonly kind: "different"; readonly where: string };

export interface CompareOptions {
  readonly ordered: boolean;
  /** Also message, detail, hint and position of errors. */
  readonly messages?: boolean;
  /** Rows are not compared (EXPLAIN, clocks), only their shape. */
  readonly shapeOnly?: boolean;
}

const SAME: Verdict = { kind: "same" };
const different = (where: string): Verdict => ({ kind: "different", where });

export function compareOutcomes(plain: Outcome, subject: Outcome, options: CompareOptions): Verdict {
  for (const [index, left] of plain.answers.entries()) {
    const right = subject.answers[index];
    if (!right) return different(`answer ${index + 1} is missing: ${describeAnswer(left)}`);
    const verdict = compareAnswers(left, right, options);
    if (verdict.kind !== "same") return verdict;
  }
  if (subject.answers.length > plain.answers.length) {
    const extra = subject.answers[plain.answers.length];
    return different(`one answer too many: ${extra ? describeAnswer(extra) : ""}`);
  }
  if (plain.state !== subject.state) {
    return different(`transaction state: plain ${plain.state}, subject ${subject.state}`);
  }
  return SAME;
}

function compareAnswers(plain: Answer, subject: Answer, options: CompareOptions): Verdict {
  if (plain.error || subject.error) return compareErrors(plain, subject, options);
  if (plain.tag !== subject.tag)
    return different(`command tag: plain "${plain.tag}", subject "${subject.tag}"`);
  const columns = compareColumns(plain.columns, subject.columns);
  if (columns) return different(columns);
  if (options.shapeOnly) return SAME;
  const rows = compareRows(plain.rows, subject.rows, options.ordered);
  return rows ? different(rows) : SAME;
}

function compareErrors(plain: Answer, subject: Answer, options: CompareOptions): Verdict {
  const where = `plain: ${describeAnswer(plain)}\nsubject: ${describeAnswer(subject)}`;
  if (!plain.error || !subject.error) {
    return { kind: subject.error?.sqlstate === "0A000" ? "refused" : "different", where };
  }
  if (plain.error.sqlstate !== subject.error.sqlstate) {
    return { kind: subject.error.sqlstate === "0A000" ? "refused" : "different", where };
  }
  if (!options.messages) return SAME;
  for (const field of ["message", "detail", "hint", "position"] as const) {
    const [left, right] = [plain.error[field], subject.error[field]];
    if (left !== right) return different(`${field}\n  plain   "${left}"\n  subject "${right}"`);
  }
  return SAME;
}

function compareColumns(
  plain: readonly AnswerColumn[],
  subject: readonly AnswerColumn[],
): string | undefined {
  if (plain.length !== subject.length) return `${plain.length} columns, subject ${subject.length}`;
  for (const [index, left] of plain.entries()) {
    const right = subject[index];
    if (!right) continue;
    for (const field of ["name", "type", "origin"] as const) {
      if (left[field] === right[field] || left[field].startsWith("???") || right[field].startsWith("???"))
        continue;
      return `column ${index + 1} (${left.name}): ${field}: plain "${left[field]}", subject "${right[field]}"`;
    }
  }
  return undefined;
}

function compareRows(
  plain: readonly (readonly (string | null)[])[],
  subject: readonly (readonly (string | null)[])[],
  ordered: boolean,
): string | undefined {
  const left = plain.map(showRow);
  const right = subject.map(showRow);
  const [missing, extra] = [subtract(left, right), subtract(right, left)];
  if (missing.length > 0 || extra.length > 0) {
    const lines = [`rows: plain ${left.length}, subject ${right.length}`];
    lines.push(...some("only plain  ", missing), ...some("only subject", extra));
    return lines.join("\n");
  }
  if (!ordered) return undefined;
  const at = left.findIndex((row, index) => row !== right[index]);
  if (at < 0) return undefined;
  return `order of rows, from row ${at + 1}:\n  plain   ${left[at]}\n  subject ${right[at]}`;
}

function showRow(row: readonly (string | null)[]): string {
  return `(${row.map((value) => (value === null ? "NULL" : JSON.stringify(value))).join(", ")})`;
}

/** Multiset difference. */
function subtract(from: readonly string[], what: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const row of what) counts.set(row, (counts.get(row) ?? 0) + 1);
  return from.filter((row) => {
    const count = counts.get(row) ?? 0;
    counts.set(row, count - 1);
    return count <= 0;
  });
}

function some(label: string, rows: readonly string[]): string[] {
  const shown = rows
    .slice(0, 5)
    .map((row) => `  ${label} ${row.length > 300 ? `${row.slice(0, 300)}…` : row}`);
  if (rows.length > 5) shown.push(`  ${label} … ${rows.length - 5} more`);
  return shown;
}

export function describeAnswer(answer: Answer): string {
  if (answer.error) return `${answer.error.sqlstate} ${answer.error.message}`;
  return answer.tag === "" ? "(empty)" : answer.tag;
}

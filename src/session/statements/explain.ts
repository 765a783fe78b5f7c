/** EXPLAIN: the distributed plan, with what each server says of its part. Without ANALYZE nothing of the statement is executed. */
import type { Node } from "@pgsql/types";
import { pgError } from "../../errors/pg-error.ts";
import { refusal } from "../../errors/refusal.ts";
import { Preface, type Outcome, type Run } from "../../execute/run.ts";
import type { DistributedPlan, ExplainFormat } from "../../plan/explain/distributed-plan.ts";
import { formatPlan } from "../../plan/explain/format-plan.ts";
import { commandComplete, dataRow, rowDescription, type Field } from "../../protocol/backend-messages.ts";
import { textBindTail } from "../../protocol/frontend-messages.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import { isSymbol, isWord, nextToken, tokenize } from "../../sql/tokens.ts";
import { currentPlan } from "../current-plan.ts";
import { planStatement } from "../plan-statement.ts";
import type { PlannedStatement } from "../planned-statement.ts";
import type { Session } from "../session.ts";
import { explainRead } from "./explain-read.ts";
import type { Explaining } from "./explain-servers.ts";
import { explainWrite } from "./explain-write.ts";
import { innerStatement } from "./inner-statement.ts";
import { evaluateArguments } from "./prepare.ts";

interface ExplainStmt {
  readonly query: Node;
  readonly options?: readonly { readonly DefElem: { readonly defname: string; readonly arg?: Node } }[];
}

/** OIDs of text, json, xml: the type of the one column by format. */
const TYPE_OIDS: Readonly<Record<ExplainFormat, number>> = { text: 25, json: 114, xml: 142, yaml: 25 };

export async function runExplain(session: Session, planned: PlannedStatement, run: Run): Promise<Outcome> {
  const { statement } = planned;
  const explain = (statement.tree as { ExplainStmt: ExplainStmt }).ExplainStmt;
  const options = new Map((explain.options ?? []).map(({ DefElem }) => [DefElem.defname, DefElem.arg]));
  const format = formatOf(options.get("format"));
  const start = bodyStart(statement.text);
  const explaining: Explaining = {
    session,
    // What is explained may be another text than the one behind it, without the blank.
    prefix: Buffer.concat([statement.text.subarray(0, start), Buffer.from(" ")]),
    format,
    analyze: options.has("analyze") && isOn(options.get("analyze")),
    fragmentPrefix: fragmentPrefix(options, format),
    run,
  };
  const plan = await explainStatement(
    explaining,
    innerStatement(statement, explain.query, start, statement.text.length),
  );
  return answer(session, run, format, plan);
}

function explainStatement(explaining: Explaining, inner: ParsedStatement): Promise<DistributedPlan> {
  const [type, fields] = Object.entries(inner.tree)[0] as [string, { readonly query?: Node }];
  if (type === "ExecuteStmt") return explainExecute(explaining, inner);
  if (type === "DeclareCursorStmt" || type === "CreateTableAsStmt") {
    const [start, end] = queryRange(inner.text, type === "DeclareCursorStmt" ? "for" : "as");
    return explainStatement(explaining, innerStatement(inner, fields.query!, start, end));
  }
  return explainQuery(explaining, inner);
}

async function explainQuery(explaining: Explaining, inner: ParsedStatement): Promise<DistributedPlan> {
  const { session } = explaining;
  const { plan } = await planStatement(session, inner, explaining.run.parameterTypes, true);
  return explainPlan(explaining, plan);
}

function explainPlan(explaining: Explaining, plan: PlannedStatement["plan"]): Promise<DistributedPlan> {
  if (plan === undefined) throw refusal("statement-kind", "EXPLAIN of this statement.");
  return plan.kind === "write" ? explainWrite(explaining, plan) : explainRead(explaining, plan);
}

/** The prepared statement's plan with the given arguments. */
async function explainExecute(explaining: Explaining, inner: ParsedStatement): Promise<DistributedPlan> {
  const { session } = explaining;
  const { name, params } = (inner.tree as { ExecuteStmt: { name: string; params?: readonly object[] } })
    .ExecuteStmt;
  const prepared = session.prepared.get(name);
  const planned = prepared === undefined ? undefined : await currentPlan(session, prepared);
  if (prepared === undefined || planned === undefined)
    throw pgError("26000", `prepared statement "${name}" does not exist`);
  const values = await evaluateArguments(session, inner, prepared.parameterTypes, params ?? [], name);
  const run: Run = {
    ...explaining.run,
    parameterTypes: prepared.parameterTypes,
    bind: {
      portal: "",
      statement: name,
      tail: textBindTail(values),
      parameterFormats: [],
      values: values.map((value) => (value === null ? null : Buffer.from(value))),
      resultFormats: [],
    },
  };
  return explainPlan({ ...explaining, run }, planned.plan);
}

/** Byte offset of the statement behind EXPLAIN and its options. */
function bodyStart(text: Buffer): number {
  let end = nextToken(text, 0)!.end;
  let token = nextToken(text, end)!;
  // EXPLAIN (SELECT …) is a query in parentheses: an option is a word that no query begins with.
  if (isSymbol(text, token, "(") && !startsQuery(text, token.end)) {
    for (let depth = 1; depth > 0;) {
      token = nextToken(text, token.end)!;
      if (isSymbol(text, token, "(")) depth++;
      else if (isSymbol(text, token, ")")) depth--;
    }
    return token.end;
  }
  while (["analyze", "analyse", "verbose"].some((word) => isWord(text, token, word))) {
    end = token.end;
    token = nextToken(text, end)!;
  }
  return end;
}

function startsQuery(text: Buffer, at: number): boolean {
  const token = nextToken(text, at);
  return (
    isSymbol(text, token, "(") ||
    ["select", "values", "table", "with"].some((word) => isWord(text, token, word))
  );
}

/** The query behind the first FOR or AS that stands in no parentheses, without WITH [NO] DATA. */
function queryRange(text: Buffer, word: string): [start: number, end: number] {
  const tokens = tokenize(text);
  let depth = 0;
  // The name right behind DECLARE may be any word.
  const at = tokens.findIndex((token, i) => {
    if (isSymbol(text, token, "(")) depth++;
    else if (isSymbol(text, token, ")")) depth--;
    return i > 1 && depth === 0 && isWord(text, token, word);
  });
  let end = text.length;
  const last = tokens.at(-1);
  if (word === "as" && isWord(text, last, "data")) {
    const no = isWord(text, tokens.at(-2), "no");
    const opening = tokens.at(no ? -3 : -2)!;
    if (isWord(text, opening, "with")) end = opening.start;
  }
  return [tokens[at]!.end, end];
}

function textOf(arg: Node | undefined): string {
  const fields =
    arg === undefined ? {} : (Object.values(arg)[0] as Record<string, string | number | boolean>);
  return String(fields["sval"] ?? fields["ival"] ?? fields["boolval"] ?? "").toLowerCase();
}

/** As defGetBoolean: an option without a value is on. */
function isOn(arg: Node | undefined): boolean {
  return arg === undefined || ["true", "on", "1", "yes"].includes(textOf(arg));
}

function formatOf(arg: Node | undefined): ExplainFormat {
  const name = textOf(arg);
  return name === "json" || name === "xml" || name === "yaml" ? name : "text";
}

/** EXPLAIN for the fragments of a statement that were executed already: without the options that only go with ANALYZE. */
function fragmentPrefix(options: ReadonlyMap<string, Node | undefined>, format: ExplainFormat): Buffer {
  const kept = ["verbose", "costs", "settings"].flatMap((name) =>
    options.has(name) ? [`${name} ${isOn(options.get(name)) ? "on" : "off"}`] : [],
  );
  return Buffer.from(`EXPLAIN (${[`format ${format}`, ...kept].join(", ")}) `);
}

function answer(session: Session, run: Run, format: ExplainFormat, plan: DistributedPlan): Outcome {
  const { output } = session;
  const field: Field = {
    name: Buffer.from("QUERY PLAN"),
    tableOid: 0,
    columnNumber: 0,
    typeOid: TYPE_OIDS[format],
    typeSize: -1,
    typeModifier: -1,
  };
  const preface = run.bind === undefined ? new Preface(rowDescription([field], [])) : run.preface;
  preface.sendTo(output);
  // The binary form of text, json and xml is their text.
  for (const row of formatPlan(plan, format)) output.push(dataRow([row]));
  output.push(commandComplete("EXPLAIN"));
  return { tag: "EXPLAIN" };
}

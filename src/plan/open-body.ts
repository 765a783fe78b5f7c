/**
 * What a function body in SQL or PL/pgSQL touches, read off its tokens. More is found than there is (a variable called like a
 * table counts as a read of it), never less: every relation, routine or command has to be named by a token, unless the body
 * runs text that it puts together, and then it is called dynamic.
 */
import { findRelation, type Relation } from "../catalog/snapshot.ts";
import { tokenize, tokenName, tokenText, type Token } from "../sql/tokens.ts";
import {
  connectionFunctions,
  isShellStatistics,
  readsCatalogs,
  sequenceFunctions,
  textQueryFunctions,
  writingFunctions,
  transactionTimeFunctions,
} from "./built-in-functions.ts";
import { isKnownOperator } from "./known-operators.ts";
import { settingCallInBody, type SettingCall } from "./setting-calls.ts";
import type { CallContext } from "./volatility.ts";

export interface OpenedBody {
  readonly reads: readonly Relation[];
  /** A table is named with its schema, so that no temporary table can stand in for it. */
  readonly readsQualified: boolean;
  readonly readsView: boolean;
  readonly dynamic: boolean;
  readonly writes: boolean;
  /** It opens a cursor that may outlive it: whoever fetches from it would look on another server. */
  readonly leavesCursor: boolean;
  readonly readsCatalogs: boolean;
  readonly writesCatalogs: boolean;
  readonly usesSequences: boolean;
  readonly settingCalls: readonly SettingCall[];
  readonly connectionFunction: string | undefined;
  /** now(), current_date …: the start of the transaction that it runs in. */
  readonly asksTime: boolean;
  /** Names followed by a parenthesis. */
  readonly calls: readonly (readonly string[])[];
  readonly userOperator: boolean;
}

const writingWords = new Set([
  "insert",
  "update",
  "delete",
  "merge",
  "truncate",
  "create",
  "alter",
  "drop",
  "grant",
  "revoke",
]);
/** Keywords, wherever they stand. */
const timeWords = new Set([
  "current_date",
  "current_time",
  "current_timestamp",
  "localtime",
  "localtimestamp",
]);
/** Commands only where a statement can begin; elsewhere they are names. */
const commandWords = new Set([
  "copy",
  "call",
  "lock",
  "refresh",
  "vacuum",
  "analyze",
  "notify",
  "listen",
  "unlisten",
  "comment",
  "commit",
  "rollback",
  "set",
  "reset",
  "prepare",
  "deallocate",
  "import",
  "do",
  "cluster",
  "reindex",
  "security",
  "discard",
  "checkpoint",
  "load",
  "savepoint",
  "start",
  "abort",
  "reassign",
]);
const beforeStatement = new Set([";", "begin", "then", "else", "loop", "atomic", ">>", "$$"]);

export function openBody(text: string, context: CallContext): OpenedBody {
  const bytes = Buffer.from(text, "utf8");
  const tokens = tokenize(bytes);
  const written = tokens.map((t) => tokenText(bytes, t).toLowerCase());
  const reads = new Set<Relation>();
  const found = {
    readsQualified: false,
    readsView: false,
    dynamic: false,
    writes: false,
    leavesCursor: leavesCursor(written),
    readsCatalogs: false,
    writesCatalogs: false,
    usesSequences: false,
    connectionFunction: undefined as string | undefined,
    asksTime: false,
    userOperator: false,
  };
  const calls: string[][] = [];
  const settingCalls: SettingCall[] = [];
  tokens.forEach((token, i) => {
    if (token.kind === "operator") {
      found.userOperator ||= !isKnownOperator(written[i]!) && context.snapshot.userOperators.has(written[i]!);
      return;
    }
    if (token.kind !== "word" && token.kind !== "quoted") return;
    const word = written[i]!;
    if (token.kind === "word") {
      if (word === "execute") found.dynamic = true;
      if (timeWords.has(word)) found.asksTime = true;
      if (writingWords.has(word)) found.writes = true;
      if (commandWords.has(word) && (i === 0 || beforeStatement.has(written[i - 1]!))) found.writes = true;
    }
    // U&"…" may spell any name.
    if (token.kind === "quoted" && !word.startsWith('"')) found.dynamic = true;
    const name = tokenName(bytes, token);
    const schema = qualifierOf(bytes, tokens, written, i);
    if (written[i + 1] === "(") {
      calls.push(schema === undefined ? [name] : [schema, name]);
      noteBuiltIn(name, schema, found);
      if (name === "set_config") {
        const call = settingCallInBody(bytes, tokens, i);
        if (call === undefined) found.dynamic = true;
        else settingCalls.push(call);
      }
    }
    if (/^pg_(?!catalog$|temp$)/.test(name) && written[i + 1] !== "(") found.readsCatalogs = true;
    if (
      name === "information_schema" ||
      /^reg(?:class|proc|type|role|namespace|oper|config|collation)/.test(name)
    )
      found.readsCatalogs = true;
    noteRelation(name, schema, context, reads, found);
  });
  return { ...found, reads: [...reads], calls, settingCalls };
}

/** OPEN of a variable of type refcursor (the form with FOR), or RETURN of a cursor that it opens. */
function leavesCursor(written: readonly string[]): boolean {
  const opened = new Set<string>();
  written.forEach((word, i) => {
    if (word === "open" && beforeStatement.has(written[i - 1] ?? ";")) opened.add(written[i + 1] ?? "");
  });
  return written.some((word, i) => {
    if (word === "return") return opened.has(written[i + 1] ?? "");
    if (word !== "open" || !opened.has(written[i + 1] ?? "")) return false;
    return written.slice(i + 2, i + 5).includes("for");
  });
}

function qualifierOf(
  bytes: Buffer,
  tokens: readonly Token[],
  written: readonly string[],
  i: number,
): string | undefined {
  const before = tokens[i - 2];
  if (written[i - 1] !== "." || before === undefined) return undefined;
  return before.kind === "word" || before.kind === "quoted" ? tokenName(bytes, before) : undefined;
}

type Findings = {
  -readonly [K in Exclude<keyof OpenedBody, "reads" | "calls" | "settingCalls">]: OpenedBody[K];
};

function noteBuiltIn(name: string, schema: string | undefined, found: Findings): void {
  if (schema !== undefined && schema !== "pg_catalog") return;
  if (transactionTimeFunctions.has(name)) found.asksTime = true;
  if (textQueryFunctions.has(name) || isShellStatistics(name)) found.dynamic = true;
  if (sequenceFunctions.has(name)) found.usesSequences = true;
  const ofSession = name === "currval" || name === "lastval";
  if (connectionFunctions.has(name) || ofSession) found.connectionFunction ??= name;
  else if (readsCatalogs(name)) found.readsCatalogs = true;
  if (writingFunctions.has(name) || sequenceFunctions.has(name)) found.writesCatalogs = true;
}

function noteRelation(
  name: string,
  schema: string | undefined,
  context: CallContext,
  reads: Set<Relation>,
  found: Findings,
): void {
  // A name behind a dot is a relation only if what stands before the dot is its schema.
  const isSchema = schema !== undefined && context.snapshot.schemas.has(schema);
  if (schema !== undefined && !isSchema) return;
  const relation = findRelation(context.snapshot, context.searchPath, schema, name);
  switch (relation?.kind) {
    case "table":
    case "materialized view":
    case "partitioned table":
      reads.add(relation);
      found.readsQualified ||= isSchema;
      return;
    case "view":
      // Views exist on the catalog node only, over its shells.
      reads.add(relation);
      found.readsView = true;
      return;
    case "sequence":
      found.readsCatalogs = true;
      return;
    case "foreign table":
      found.dynamic = true;
      return;
    default:
  }
}

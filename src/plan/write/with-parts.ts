/**
 * Cuts a statement whose WITH writes into the steps in which it can run over several nodes: each entry that writes, each entry
 * that only reads but is read by more than one step (it is computed once), and the main statement at the end. A step's text
 * holds the entries that it reads: those that are steps themselves by the rows that they gave, the others as they were written.
 */
import type { CommonTableExpr, Node, WithClause } from "@pgsql/types";
import { refusal } from "../../errors/refusal.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import { isSymbol, isWord, nextToken, tokenize, type Token } from "../../sql/tokens.ts";
import { names, walk } from "../../sql/walk.ts";

export interface WithStep {
  /** What the rows are called; undefined for the main statement. */
  readonly name: string | undefined;
  /** Column names given at the entry, for the first columns. */
  readonly columnAliases: readonly string[];
  /** Names of the steps whose rows it reads. */
  readonly reads: readonly string[];
  /** The statement, with the rows of other steps as WITH entries: `rows` gives an entry's text by its name. */
  readonly text: (rows: (name: string) => string) => string;
}

export interface WithParts {
  /** In the order in which they run; the main statement is the last one. */
  readonly steps: readonly WithStep[];
}

interface Entry {
  readonly name: string;
  readonly tree: CommonTableExpr;
  /** The entry as a whole. */
  readonly text: string;
  /** What stands in its parentheses. */
  readonly query: string;
  readonly writes: boolean;
  /** Positions of the entries that it names. */
  readonly names: readonly number[];
}

export function withParts({ text, tree }: ParsedStatement): WithParts {
  const [fields] = Object.values(tree) as { withClause?: WithClause }[];
  const clause = fields!.withClause!;
  if (!isWord(text, nextToken(text, 0), "with")) throw refusal("writing-with-many-nodes");
  const { entries, mainStart } = readEntries(text, clause);
  const main = {
    query: text.subarray(mainStart).toString(),
    names: namedIn({ ...fields, withClause: undefined }, entries, entries.length),
    withClause: undefined,
  };
  const inline = (from: readonly number[], cut: ReadonlySet<number>): Set<number> => {
    const found = new Set<number>();
    const open = [...from];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (found.has(at)) continue;
      found.add(at);
      if (!cut.has(at)) open.push(...entries[at]!.names);
    }
    return found;
  };
  const all = [...entries.keys()];
  const writing = new Set(all.filter((i) => entries[i]!.writes));
  const uses = [...[...writing].map((i) => entries[i]!.names), main.names].map((n) => inline(n, writing));
  const shared = all.filter((i) => !writing.has(i) && uses.filter((u) => u.has(i)).length > 1);
  const steps = new Set([...writing, ...shared]);
  // What reads no written rows comes first: it sees the moment before the statement.
  const early = (i: number): boolean =>
    !writing.has(i) && ![...inline(entries[i]!.names, new Set())].some((at) => writing.has(at));
  const order = [...steps].toSorted((a, b) => Number(early(b)) - Number(early(a)) || a - b);
  const make = (
    step: Entry | typeof main,
    own: number | undefined,
    cut: ReadonlySet<number>,
    query: string,
  ): WithStep => {
    const needed = inline(own === undefined ? step.names : [own], cut);
    const entry = "tree" in step ? step : undefined;
    const place = own ?? (entry === undefined ? entries.length : entries.indexOf(entry));
    const before = new Set(order.slice(0, place === entries.length ? order.length : order.indexOf(place)));
    if ([...needed].some((at) => cut.has(at) && !before.has(at))) throw refusal("writing-with-many-nodes");
    return {
      name: entry?.name,
      columnAliases: own === undefined ? (names(entry?.tree.aliascolnames) ?? []) : [],
      reads: [...needed].filter((at) => cut.has(at)).map((at) => entries[at]!.name),
      text: (rows) =>
        assemble(
          clause.recursive === true,
          [...needed]
            .toSorted((a, b) => a - b)
            .map((at) => (cut.has(at) ? rows(entries[at]!.name) : entries[at]!.text)),
          query,
          innerWith(entry),
        ),
    };
  };
  const list = order.map((i) => {
    const entry = entries[i]!;
    if (entry.writes) return make(entry, undefined, steps, entry.query);
    const others = new Set([...steps].filter((at) => at !== i));
    return make(entry, i, others, `SELECT * FROM ${entry.text.slice(0, nameLength(entry))}`);
  });
  return { steps: [...list, make(main, undefined, steps, main.query)] };
}

function innerWith(entry: Entry | undefined): WithClause | undefined {
  if (entry?.writes !== true) return undefined;
  const [fields] = Object.values(entry.tree.ctequery!) as { withClause?: WithClause }[];
  return fields!.withClause;
}

/** Length of the entry's name as it is written. */
function nameLength({ text }: Entry): number {
  const buffer = Buffer.from(text);
  return buffer.subarray(0, nextToken(buffer, 0)!.end).toString().length;
}

function assemble(
  recursive: boolean,
  entries: readonly string[],
  query: string,
  inner: WithClause | undefined,
): string {
  if (entries.length === 0) return query;
  let rest = query;
  if (inner !== undefined) {
    // The entry's own WITH goes on the list, where its names must not mean something to the others.
    if (recursive || inner.recursive === true) throw refusal("writing-with-many-nodes");
    const buffer = Buffer.from(query);
    const withToken = nextToken(buffer, 0);
    if (!isWord(buffer, withToken, "with")) throw refusal("writing-with-many-nodes");
    rest = buffer.subarray(withToken!.end).toString();
  }
  // The line breaks end comments.
  return `WITH ${recursive ? "RECURSIVE " : ""}${entries.join("\n, ")}\n${inner === undefined ? "" : ", "}${rest}`;
}

function readEntries(text: Buffer, clause: WithClause): { entries: Entry[]; mainStart: number } {
  const trees = (clause.ctes ?? []).flatMap((node) =>
    "CommonTableExpr" in node ? [node.CommonTableExpr] : [],
  );
  const entries: Entry[] = [];
  let mainStart = 0;
  for (const [i, tree] of trees.entries()) {
    const start = tree.location ?? 0;
    const { open, close } = queryPlace(text, start);
    const next = trees[i + 1];
    const end = next === undefined ? endOfLast(text, close) : lastComma(text, close, next.location ?? 0);
    mainStart = end;
    entries.push({
      name: tree.ctename ?? "",
      tree,
      text: text.subarray(start, end).toString().trimEnd(),
      query: text.subarray(open, close).toString(),
      writes: tree.ctequery !== undefined && !("SelectStmt" in tree.ctequery),
      names: [],
    });
  }
  const named = entries.map((entry, i) => {
    const own = namedIn(entry.tree.ctequery!, entries, clause.recursive === true ? entries.length : i);
    const inner = innerWith(entry)?.ctes ?? [];
    const clash = inner.some(
      (node) =>
        "CommonTableExpr" in node &&
        own.some((at) => entries[at]!.name === (node.CommonTableExpr.ctename ?? "")),
    );
    if (clash) throw refusal("writing-with-many-nodes");
    return { ...entry, names: own };
  });
  return { entries: named, mainStart };
}

/** The entries that a tree names, of the first `visible`. More than it means where an inner WITH hides them, which does no harm. */
function namedIn(tree: Node | object, entries: readonly Entry[], visible: number): number[] {
  const found = new Set<number>();
  walk([tree], (type, fields) => {
    if (type !== "RangeVar") return true;
    const { relname, schemaname } = fields as { relname?: string; schemaname?: string };
    const at = schemaname === undefined ? entries.findIndex((entry) => entry.name === relname) : -1;
    if (at >= 0 && at < visible) found.add(at);
    return true;
  });
  return [...found];
}

/** The bytes between the parentheses of name (columns) AS MATERIALIZED (query). */
function queryPlace(text: Buffer, start: number): { open: number; close: number } {
  let token = nextToken(text, start);
  while (token !== undefined && !isWord(text, token, "as")) token = nextToken(text, token.end);
  while (token !== undefined && !isSymbol(text, token, "(")) token = nextToken(text, token.end);
  const open = token!.end;
  let depth = 0;
  for (; token !== undefined; token = nextToken(text, token.end)) {
    if (isSymbol(text, token, "(")) depth++;
    else if (isSymbol(text, token, ")") && --depth === 0) return { open, close: token.start };
  }
  throw refusal("writing-with-many-nodes");
}

function lastComma(text: Buffer, from: number, to: number): number {
  const commas = tokenize(text.subarray(from, to)).filter((t) => isSymbol(text.subarray(from, to), t, ","));
  return from + commas.at(-1)!.start;
}

const MAIN = ["select", "insert", "update", "delete", "merge", "values", "table"];
const NAME_FOLLOWS = ["by", "set", "to", "default", "using"];

/** Behind the last entry, with its SEARCH and CYCLE clauses: where the main statement begins. */
function endOfLast(text: Buffer, close: number): number {
  let before: Token = nextToken(text, close)!;
  const end = before.end;
  let token = nextToken(text, end);
  if (!isWord(text, token, "search") && !isWord(text, token, "cycle")) return end;
  for (; token !== undefined; token = nextToken(text, token.end)) {
    const named = isSymbol(text, before, ",") || NAME_FOLLOWS.some((word) => isWord(text, before, word));
    if (!named && (isSymbol(text, token, "(") || MAIN.some((word) => isWord(text, token, word))))
      return before.end;
    before = token;
  }
  throw refusal("writing-with-many-nodes");
}

/**
 * DISTRIBUTE BY …, TO NODE (…), SHARDS n, COLOCATE WITH …: where a table's rows shall lie, written into CREATE TABLE anywhere
 * behind its column list (at the end, before PARTITION BY, WITH, TABLESPACE or AS). PostgreSQL's parser does not know them:
 * they are found here by tokens, read, and overwritten by blanks of equal length.
 */
import { pgError, type PgError } from "../errors/pg-error.ts";
import type { DistributionClause } from "./statement.ts";
import { isSymbol, isWord, tokenName, tokenText, tokenize, type Token } from "./tokens.ts";

export interface FoundClause {
  /** Byte range from the clause's first word to the end of its last part. */
  readonly start: number;
  readonly end: number;
  readonly clause: DistributionClause;
}

const firstWords = /\b(?:distribute|shards|colocate|to\s+node)\b/i;

/** A cheap test before the text is tokenized. */
export function mayHoldDistributionClause(queryString: string): boolean {
  return firstWords.test(queryString);
}

/** Takes the clauses of all CREATE TABLE statements out of a query string. Throws 42601 at a malformed one. */
export function extractDistributionClauses(text: Buffer): { text: Buffer; clauses: FoundClause[] } {
  const tokens = tokenize(text);
  const blanked = Buffer.from(text);
  const clauses: FoundClause[] = [];
  let from = 0;
  while (from < tokens.length) {
    let end = from;
    while (end < tokens.length && !isSymbol(text, tokens[end], ";")) end++;
    const reader = new ClauseReader(text, tokens.slice(from, end));
    const found = reader.readStatement();
    if (found !== undefined) {
      for (const [a, b] of reader.parts) blanked.fill(" ", a, b);
      clauses.push(found);
    }
    from = end + 1;
  }
  return { text: blanked, clauses };
}

interface Slice {
  readonly name: string;
  readonly values: readonly string[];
}

/** Reads one statement's tokens. */
class ClauseReader {
  readonly parts: [number, number][] = [];
  private readonly text: Buffer;
  private readonly tokens: readonly Token[];
  private at = 0;
  private by: DistributionClause["by"] | undefined;
  private shards: number | undefined;
  private colocateWith: DistributionClause["colocateWith"];

  constructor(text: Buffer, tokens: readonly Token[]) {
    this.text = text;
    this.tokens = tokens;
  }

  readStatement(): FoundClause | undefined {
    if (!this.isCreateTable()) return undefined;
    let depth = 0;
    while (this.at < this.tokens.length) {
      if (this.symbol("(") || this.symbol("[")) depth++;
      else if (this.symbol(")") || this.symbol("]")) depth--;
      // The query behind AS has its own words: WITH … SELECT shards FROM t.
      else if (depth === 0 && this.word("as")) {
        this.skipQuery();
        continue;
      } else if (depth === 0 && this.readPart()) continue;
      this.at++;
    }
    if (this.parts.length === 0) return undefined;
    const by = this.by ?? { kind: "single", node: undefined };
    return {
      start: this.parts[0]![0],
      end: this.parts.at(-1)![1],
      clause: { by, shards: this.shards, colocateWith: this.colocateWith },
    };
  }

  private isCreateTable(): boolean {
    const words = this.tokens.slice(0, 5).map((t) => tokenText(this.text, t).toLowerCase());
    if (words[0] !== "create") return false;
    const table = words.indexOf("table");
    if (
      table < 1 ||
      !words.slice(1, table).every((w) => /^(?:global|local|temp|temporary|unlogged)$/.test(w))
    )
      return false;
    this.at = table + 1;
    return true;
  }

  /** Behind AS the clause may still stand at the very end, where no query could go on with it. */
  private skipQuery(): void {
    this.at++;
    let depth = 0;
    for (let i = this.at; i < this.tokens.length; i++) {
      if (isSymbol(this.text, this.tokens[i], "(")) depth++;
      else if (isSymbol(this.text, this.tokens[i], ")")) depth--;
      else if (depth === 0 && this.startsPart(i) && isWord(this.text, this.tokens[i], "distribute")) {
        this.at = i;
        return;
      }
    }
    this.at = this.tokens.length;
  }

  private startsPart(i: number): boolean {
    const next = this.tokens[i + 1];
    const first = this.tokens[i];
    if (isWord(this.text, first, "distribute")) return isWord(this.text, next, "by");
    if (isWord(this.text, first, "to")) return isWord(this.text, next, "node");
    if (isWord(this.text, first, "colocate")) return isWord(this.text, next, "with");
    return isWord(this.text, first, "shards") && next?.kind === "number";
  }

  /** One of the four parts at the present token. */
  private readPart(): boolean {
    const start = this.tokens[this.at]!.start;
    if (this.word("distribute")) {
      this.at++;
      this.expectWord("by");
      if (this.by !== undefined) throw this.error("the distribution is declared twice", start);
      this.by = this.readBy();
    } else if (this.word("to") && isWord(this.text, this.tokens[this.at + 1], "node")) {
      this.at += 2;
      if (this.by !== undefined) throw this.error("the distribution is declared twice", start);
      const list = this.nameList();
      if (list.length !== 1) throw this.error("TO NODE takes exactly one node", start);
      this.by = { kind: "single", node: list[0] };
    } else if (this.word("shards")) {
      this.at++;
      const token = this.tokens[this.at];
      const n = token?.kind === "number" ? Number(tokenText(this.text, token)) : Number.NaN;
      if (!Number.isInteger(n) || n < 1 || n > 32_767)
        throw this.error("SHARDS takes a whole number from 1 to 32767");
      this.at++;
      this.shards = n;
    } else if (this.word("colocate")) {
      this.at++;
      this.expectWord("with");
      const parts = [this.name()];
      while (this.symbol(".")) {
        this.at++;
        parts.push(this.name());
      }
      const written = tokenText(this.text, this.tokens[this.at - 1]!);
      this.colocateWith = parts.length === 1 && written.toLowerCase() === "none" ? "none" : parts;
    } else return false;
    this.parts.push([start, this.tokens[this.at - 1]!.end]);
    return true;
  }

  private readBy(): DistributionClause["by"] {
    if (this.take("hash")) return { kind: "hash", columns: this.nameList() };
    if (this.take("replication")) return { kind: "replicated" };
    if (this.take("random")) return { kind: "random" };
    if (this.take("range")) {
      const columns = this.nameList();
      const slices = this.sliceList(true).map(({ name, values }) => ({ name, lessThan: values }));
      return { kind: "range", columns, slices };
    }
    if (this.take("list")) {
      const columns = this.nameList();
      const slices = this.sliceList(false).map(({ name, values }) => ({
        name,
        values: values.length === 1 && values[0]!.toLowerCase() === "default" ? ("DEFAULT" as const) : values,
      }));
      return { kind: "list", columns, slices };
    }
    throw this.error("expected HASH, RANGE, LIST, REPLICATION or RANDOM after DISTRIBUTE BY");
  }

  private sliceList(lessThan: boolean): Slice[] {
    this.expectSymbol("(");
    const slices: Slice[] = [];
    do {
      this.expectWord("slice");
      const name = this.name();
      this.expectWord("values");
      if (lessThan) {
        this.expectWord("less");
        this.expectWord("than");
      }
      this.expectSymbol("(");
      const values = [this.value()];
      while (this.takeSymbol(",")) values.push(this.value());
      this.expectSymbol(")");
      slices.push({ name, values });
    } while (this.takeSymbol(","));
    this.expectSymbol(")");
    return slices;
  }

  /** A literal as written: everything up to the next comma or closing parenthesis, with its type or sign. */
  private value(): string {
    const first = this.tokens[this.at];
    let depth = 0;
    while (this.at < this.tokens.length) {
      if (depth === 0 && (this.symbol(",") || this.symbol(")"))) break;
      if (this.symbol("(")) depth++;
      else if (this.symbol(")")) depth--;
      this.at++;
    }
    const last = this.tokens[this.at - 1];
    if (first === undefined || last === undefined || last.start < first.start)
      throw this.error("expected a value");
    const written = this.text.toString("utf8", first.start, last.end);
    return /^(?:maxvalue|default|null)$/i.test(written) ? written.toUpperCase() : written;
  }

  private nameList(): string[] {
    this.expectSymbol("(");
    const list = [this.name()];
    while (this.takeSymbol(",")) list.push(this.name());
    this.expectSymbol(")");
    return list;
  }

  private name(): string {
    const token = this.tokens[this.at];
    if (token === undefined || (token.kind !== "word" && token.kind !== "quoted"))
      throw this.error("expected a name");
    this.at++;
    return tokenName(this.text, token);
  }

  private word(word: string): boolean {
    return isWord(this.text, this.tokens[this.at], word);
  }

  private symbol(symbol: string): boolean {
    return isSymbol(this.text, this.tokens[this.at], symbol);
  }

  private take(word: string): boolean {
    const found = this.word(word);
    if (found) this.at++;
    return found;
  }

  private takeSymbol(symbol: string): boolean {
    const found = this.symbol(symbol);
    if (found) this.at++;
    return found;
  }

  private expectWord(word: string): void {
    if (!this.take(word)) throw this.error(`expected ${word.toUpperCase()}`);
  }

  private expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.error(`expected "${symbol}"`);
  }

  private error(what: string, at?: number): PgError {
    const token = this.tokens[this.at];
    const byte = at ?? token?.start ?? this.text.length;
    const near = token === undefined ? "at end of input" : `at or near "${tokenText(this.text, token)}"`;
    return pgError("42601", `syntax error ${near}: ${what}`, {
      position: [...this.text.toString("utf8", 0, byte)].length + 1,
    });
  }
}

/**
 * Where relations are named in a text, and the splices that give them another name. The parse tree says where a name begins;
 * where it ends, and the ONLY, parentheses, star and TABLE around it, is read from the text's tokens.
 */
import type { ColumnRef, RangeVar } from "@pgsql/types";
import { quoteIdentifier } from "../sql/quote.ts";
import type { Splice } from "../sql/statement.ts";
import { isSymbol, isWord, nextToken, tokenText, tokenize, type Token } from "../sql/tokens.ts";
import { names } from "../sql/walk.ts";
import type { Block, Unit } from "./query-tree.ts";

export interface NamePlace {
  /** The name itself, with its schema. */
  readonly start: number;
  readonly end: number;
  /** Behind the star or parenthesis that belongs to the name: where an alias may be put. */
  readonly endOfExpression: number;
  /** ONLY in front of the name, with the parentheses: byte ranges to be blanked when ONLY goes. */
  readonly only: readonly { readonly start: number; readonly end: number }[];
  /** The word TABLE of the command TABLE t. */
  readonly tableCommand: { readonly start: number; readonly end: number } | undefined;
}

/** A dotted name of `parts` parts at `start`; U&"…" may be followed by UESCAPE '…'. */
function endOfName(text: Buffer, start: number, parts: number): number {
  let at = start;
  for (let part = 0; part < parts; part++) {
    if (part > 0) at = nextToken(text, at)?.end ?? at;
    const token = nextToken(text, at);
    if (token === undefined) return at;
    at = token.end;
    const escape = /^[uU]&/.test(tokenText(text, token)) ? nextToken(text, at) : undefined;
    if (isWord(text, escape, "uescape")) at = nextToken(text, escape!.end)?.end ?? at;
  }
  return at;
}

/** Behind a relation's dotted name that begins at `start`. */
export function endOfRelationName(text: Buffer, start: number, rangeVar: RangeVar): number {
  const parts = rangeVar.catalogname !== undefined ? 3 : rangeVar.schemaname !== undefined ? 2 : 1;
  return endOfName(text, start, parts);
}

export function namePlace(unit: Unit, block: Block, rangeVar: RangeVar): NamePlace {
  const { text } = unit;
  const start = rangeVar.location ?? 0;
  const end = endOfRelationName(text, start, rangeVar);
  const command = isTableCommand(block);
  let endOfExpression = end;
  const after = nextToken(text, end);
  if (isSymbol(text, after, "*")) endOfExpression = after!.end;
  const only: { start: number; end: number }[] = [];
  let tableCommand: NamePlace["tableCommand"];
  if (rangeVar.inh !== true || command) {
    const before = tokenize(text.subarray(0, start));
    if (rangeVar.inh !== true) {
      if (isSymbol(text, before.at(-1), "(") && isWord(text, before.at(-2), "only")) {
        only.push(range(before.pop()!));
        const close = nextToken(text, endOfExpression);
        if (isSymbol(text, close, ")")) {
          only.push(range(close!));
          endOfExpression = close!.end;
        }
      }
      if (isWord(text, before.at(-1), "only")) only.push(range(before.pop()!));
    }
    if (command && isWord(text, before.at(-1), "table")) tableCommand = range(before.at(-1)!);
  }
  return { start, end, endOfExpression, only, tableCommand };
}

function range(token: Token): { start: number; end: number } {
  return { start: token.start, end: token.end };
}

/** TABLE t is SELECT * FROM t whose star stands nowhere in the text. */
function isTableCommand(block: Block): boolean {
  const [target] = block.select.targetList ?? [];
  return target !== undefined && "ResTarget" in target && target.ResTarget.location === -1;
}

/**
 * Another name, or a subquery, in the place of a relation's name. `alias` is put behind it where the text has none and the
 * columns are still called by the old name. Without `keepOnly` ONLY goes: a subquery, or a table that is partitioned there.
 */
export function replaceName(
  place: NamePlace,
  written: string,
  alias: string | undefined,
  keepOnly: boolean,
): Splice[] {
  const splices: Splice[] = [{ start: place.start, end: place.end, text: written }];
  if (alias !== undefined) {
    splices.push({
      start: place.endOfExpression,
      end: place.endOfExpression,
      text: ` AS ${quoteIdentifier(alias)}`,
    });
    // TABLE t takes no alias.
    if (place.tableCommand !== undefined) splices.push({ ...place.tableCommand, text: "SELECT * FROM" });
  }
  if (!keepOnly) splices.push(...removeOnly(place));
  return splices;
}

export function removeOnly(place: NamePlace): Splice[] {
  return place.only.map((part) => ({ ...part, text: "" }));
}

/** The * behind a name, which a subquery cannot have. */
export function removeStar(unit: Unit, place: NamePlace): Splice[] {
  const after = nextToken(unit.text, place.end);
  return isSymbol(unit.text, after, "*") ? [{ start: after!.start, end: after!.end, text: "" }] : [];
}

/** Takes the schema (and database) out of a column's qualification: public.orders.id becomes orders.id. */
export function unqualifyColumn(unit: Unit, ref: ColumnRef, keptParts: number): Splice[] {
  const count = (ref.fields ?? []).length;
  const start = ref.location ?? 0;
  let at = start;
  for (let part = 0; part < count - keptParts; part++) {
    at = endOfName(unit.text, at, 1);
    at = nextToken(unit.text, at)?.end ?? at;
  }
  const kept = nextToken(unit.text, at)?.start ?? at;
  return kept > start ? [{ start, end: kept, text: "" }] : [];
}

/** The names of a column reference, its star as "*". */
export function fieldsOf(ref: ColumnRef): string[] {
  return (ref.fields ?? []).map((field) => names([field])?.[0] ?? "*");
}

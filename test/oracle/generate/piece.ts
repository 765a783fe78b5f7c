/**
 * A random statement is a tree of pieces that knows how it may become smaller, so that a statement that fails can be
 * shrunk without a deparser: lists lose items, choices are replaced by what stands inside them.
 */
export type Piece = string | Sequence | List | Literal;

export interface Sequence {
  readonly kind: "sequence";
  readonly parts: readonly Piece[];
  /** Smaller pieces that could stand here. */
  readonly instead: readonly Piece[];
}

export interface List {
  readonly kind: "list";
  readonly items: readonly Piece[];
  readonly separator: string;
  /** Only written when there is an item. */
  readonly before: string;
  readonly itemsMin: number;
}

/** A value: written as a literal, or as a parameter when the statement is executed with parameters. */
export interface Literal {
  readonly kind: "literal";
  readonly text: string | null;
  readonly type: string;
}

export const sequence = (parts: readonly Piece[], instead: readonly Piece[] = []): Sequence => ({
  kind: "sequence",
  parts,
  instead,
});
export const list = (items: readonly Piece[], separator: string, before = "", itemsMin = 0): List => ({
  kind: "list",
  items,
  separator,
  before,
  itemsMin,
});
export const literal = (text: string | null, type: string): Literal => ({ kind: "literal", text, type });

/** Template text with pieces between: sql`${a} + ${b}`. */
export function sql(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Sequence {
  return sequence(strings.flatMap((text, index) => [text, pieces[index] ?? ""]));
}

/** May vanish. */
export const optional = (...parts: readonly Piece[]): Sequence => sequence(parts, [""]);

export interface RenderedStatement {
  readonly sql: string;
  readonly parameters: readonly (string | null)[];
}

export function render(piece: Piece, withParameters = false): RenderedStatement {
  // The same literal twice is the same parameter: GROUP BY must recognise its expression in the select list.
  const numbers = new Map<Literal, number>();
  const parameters: (string | null)[] = [];
  const write = (part: Piece): string => {
    if (typeof part === "string") return part;
    if (part.kind === "sequence") return part.parts.map(write).join("");
    if (part.kind === "list") {
      return part.items.length === 0 ? "" : part.before + part.items.map(write).join(part.separator);
    }
    if (!withParameters) return quoteLiteral(part);
    const number = numbers.get(part) ?? parameters.push(part.text);
    numbers.set(part, number);
    return `$${number}::${part.type}`;
  };
  return { sql: write(piece), parameters };
}

function quoteLiteral({ text, type }: Literal): string {
  if (text === null) return `NULL::${type}`;
  if (/^(int|bigint|numeric)$/.test(type) && /^\d+(\.\d+)?$/.test(text)) return text;
  return `'${text.replaceAll("'", "''")}'::${type}`;
}

/** All pieces that are one step smaller, the large steps first. */
export function* smaller(piece: Piece): Generator<Piece> {
  if (typeof piece === "string" || piece.kind === "literal") return;
  if (piece.kind === "list") {
    yield* shorterLists(piece);
    for (const [index, item] of piece.items.entries()) {
      for (const other of smaller(item)) yield { ...piece, items: piece.items.with(index, other) };
    }
    return;
  }
  yield* piece.instead;
  for (const [index, part] of piece.parts.entries()) {
    for (const other of smaller(part)) yield { ...piece, parts: piece.parts.with(index, other) };
  }
}

function* shorterLists(piece: List): Generator<Piece> {
  const { items, itemsMin } = piece;
  for (let size = Math.floor(items.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from + size <= items.length; from += size) {
      if (items.length - size >= itemsMin) yield { ...piece, items: items.toSpliced(from, size) };
    }
  }
  if (items.length === 1 && itemsMin === 0) yield { ...piece, items: [] };
}

/** One parsed statement of a query string: the unit that is planned. */
import type { Node } from "@pgsql/types";

/** Text that a DISTRIBUTE BY / TO NODE / SHARDS / COLOCATE WITH clause declared; it is taken out before PostgreSQL parses. */
export interface DistributionClause {
  readonly by:
    | { readonly kind: "hash"; readonly columns: readonly string[] }
    | {
        readonly kind: "range";
        readonly columns: readonly string[];
        readonly slices: readonly { name: string; lessThan: readonly string[] }[];
      }
    | {
        readonly kind: "list";
        readonly columns: readonly string[];
        readonly slices: readonly { name: string; values: readonly string[] | "DEFAULT" }[];
      }
    | { readonly kind: "replicated" }
    | { readonly kind: "random" }
    | { readonly kind: "single"; readonly node: string | undefined };
  /** SHARDS n. */
  readonly shards: number | undefined;
  /** COLOCATE WITH table (as written, unquoted parts), or "none". */
  readonly colocateWith: readonly string[] | "none" | undefined;
}

export interface ParsedStatement {
  /** The statement's own text in UTF-8, without the separating semicolon; offsets of `tree` count from its first byte. */
  readonly text: Buffer;
  /** Byte offset of `text` in the client's query string (before any clause was taken out). */
  readonly offset: number;
  /** Characters (not bytes) of the query string before `text`: what error positions of the servers are shifted by. */
  readonly charactersBefore: number;
  /** The statement's node: exactly one key, e.g. { SelectStmt: … }. */
  readonly tree: Node;
  readonly distribution: DistributionClause | undefined;
}

/** A replacement of bytes [start, end) of a statement's text. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** The text for where the transaction's time has to be written: NUL, which no statement can hold, stands for its literal. */
  readonly atTime?: string;
}

/** Which shards of a table a statement concerns: said by the planner without values, answered by placement.ts per execution. */

/** Where a key value comes from when the plan is executed. */
export type KeyValue =
  /** Text form as the column's type reads it ('7', '2024-01-01'), or NULL (then no row is relevant). */
  | { readonly from: "literal"; readonly text: string | null }
  /** $number, whose described type is the key column's own type. */
  | { readonly from: "parameter"; readonly number: number };

/** Which of a distributed table's rows can matter, in terms of its distribution columns. Always a superset of the truth. */
export type ShardFilter =
  | { readonly kind: "all" }
  | { readonly kind: "none" }
  /** Rows whose key equals one of the tuples (values in the order of the distribution columns). */
  | { readonly kind: "points"; readonly tuples: readonly (readonly KeyValue[])[] }
  /** Rows whose key equals an element of an array parameter (`= ANY ($1)`), single-column keys only. */
  | { readonly kind: "any-of-array"; readonly parameter: number }
  /** Rows whose first key column lies between the bounds (both optional), for range distributions. */
  | { readonly kind: "interval"; readonly lower: KeyValue | undefined; readonly upper: KeyValue | undefined }
  | { readonly kind: "intersection"; readonly of: readonly ShardFilter[] }
  | { readonly kind: "union"; readonly of: readonly ShardFilter[] };

/** A value of a key column as Bind, COPY or a literal carry it; null is SQL NULL. */
export type KeyDatum = KeyBytes | null;

export interface KeyBytes {
  /** Text in the servers' encoding (UTF-8), or the binary form of the column's own type. */
  readonly bytes: Buffer;
  readonly format: "text" | "binary";
}

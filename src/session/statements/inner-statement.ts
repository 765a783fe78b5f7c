/** The statement inside another one (COPY, DECLARE, EXPLAIN) as one of its own, with the offsets of its own text. */
import type { Node } from "@pgsql/types";
import { charactersIn } from "../../sql/characters.ts";
import type { ParsedStatement } from "../../sql/statement.ts";
import { shiftLocations } from "../../sql/walk.ts";

/** `tree` is the inner node of `outer`, whose text stands at bytes [start, end). */
export function innerStatement(
  outer: ParsedStatement,
  tree: Node,
  start: number,
  end: number,
): ParsedStatement {
  // The outer statement may be run again: its tree stays as it is.
  const own = structuredClone(tree);
  shiftLocations(own, -start);
  return {
    text: outer.text.subarray(start, end),
    offset: outer.offset + start,
    charactersBefore: outer.charactersBefore + charactersIn(outer.text, 0, start),
    tree: own,
    distribution: undefined,
  };
}

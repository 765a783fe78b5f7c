/** Makes a failing statement as small as it can be while it still fails. */
import { smaller, type Piece } from "./piece.ts";

/** Greedy: the first smaller statement that still fails is the next to be made smaller. */
export async function shrink(
  piece: Piece,
  fails: (candidate: Piece) => Promise<boolean>,
  attemptsMax = 600,
): Promise<Piece> {
  let current = piece;
  let attempts = 0;
  for (;;) {
    let found: Piece | undefined;
    for (const candidate of smaller(current)) {
      if (++attempts > attemptsMax) return current;
      if (await fails(candidate)) {
        found = candidate;
        break;
      }
    }
    if (found === undefined) return current;
    current = found;
  }
}

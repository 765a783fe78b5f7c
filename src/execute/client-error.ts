/**
 * A server's error in the client's terms: the position in the text that the client wrote, the logical table's schema
 * instead of a shard's.
 */
import { PgError } from "../errors/pg-error.ts";
import { charactersIn } from "../sql/characters.ts";
import type { ParsedStatement, Splice } from "../sql/statement.ts";

/** A text of which servers were sent a changed one. */
export type ClientText = Pick<ParsedStatement, "text" | "charactersBefore">;

/** Translates a 1-based character position in the spliced text into one in the client's query string; undefined when it lies in text that the client did not write. */
function clientPosition(
  statement: ClientText,
  splices: readonly Splice[],
  position: number,
): number | undefined {
  // Walk both texts in parallel, in characters.
  let original = 0;
  let spliced = 0;
  let at = 0;
  const target = position - 1;
  for (const splice of splices.toSorted((a, b) => a.start - b.start)) {
    const plain = charactersIn(statement.text, at, splice.start);
    if (target < spliced + plain) break;
    original += plain;
    spliced += plain;
    const written = [...splice.text].length;
    if (target < spliced + written) return statement.charactersBefore + original + 1;
    spliced += written;
    original += charactersIn(statement.text, splice.start, splice.end);
    at = splice.end;
  }
  return statement.charactersBefore + original + (target - spliced) + 1;
}

/** "app#3" of a shard's schema, or "known#3" of a copy that PostgreSQL makes of a foreign key for each referenced shard. */
const OF_A_SHARD = /^(.*)#\d+$/;

export function clientError(error: PgError, statement: ClientText, splices: readonly Splice[]): PgError {
  const { fields } = error;
  const schema = fields.schema?.match(OF_A_SHARD)?.[1];
  // What a referenced row's own table reports lies in the schema of the referencing one.
  const ofShard =
    schema !== undefined || (fields.code === "23503" && OF_A_SHARD.test(fields.constraint ?? ""));
  if (fields.position === undefined && !ofShard) return error;
  const position =
    fields.position === undefined ? undefined : clientPosition(statement, splices, fields.position);
  if (!ofShard) return new PgError({ ...fields, position });
  const constraint = fields.constraint?.match(OF_A_SHARD)?.[1];
  if (constraint === undefined) return new PgError({ ...fields, schema: schema ?? fields.schema, position });
  const message = fields.message.replaceAll(`"${fields.constraint}"`, `"${constraint}"`);
  return new PgError({ ...fields, schema: schema ?? fields.schema, constraint, message, position });
}

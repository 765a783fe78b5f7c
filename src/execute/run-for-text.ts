/** Parameters of a text that is only a part of the client's statement. */
import { tokenize, tokenText } from "../sql/tokens.ts";
import type { Run } from "./run.ts";
import { FIRST_USER_OID } from "../catalog/type-oids.ts";

const BYTEA = 17;
const TEXT = 25;

/**
 * A run for a text that may not use all of the statement's parameters: a server cannot infer the type of one that it does not
 * find. User types have other OIDs there, so for those a type is declared that takes any value.
 */
export function runForText(run: Run, sql: Buffer): Run {
  if (run.bind === undefined || !run.parameterTypes.some((oid) => oid >= FIRST_USER_OID)) return run;
  const used = new Set<number>();
  for (const token of tokenize(sql))
    if (token.kind === "parameter") used.add(Number(tokenText(sql, token).slice(1)));
  const { parameterFormats } = run.bind;
  const isBinary = (i: number): boolean =>
    (parameterFormats.length === 1 ? parameterFormats[0] : parameterFormats[i]) === 1;
  const parameterTypes = run.parameterTypes.map((oid, i) =>
    oid < FIRST_USER_OID || used.has(i + 1) ? oid : isBinary(i) ? BYTEA : TEXT,
  );
  return { ...run, parameterTypes };
}

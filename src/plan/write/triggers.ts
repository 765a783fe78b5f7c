/**
 * Row triggers fire on the data node that stores the row. That is right as long as their functions look at nothing but the row:
 * what reads or writes tables would see one node's part of them. The catalog's picture does not say which functions are a
 * table's triggers, so every PL/pgSQL function that looks like one has to be harmless.
 */
import type { Snapshot } from "../../catalog/snapshot.ts";
import { openBody } from "../open-body.ts";
import { routinesNamed, type CallContext } from "../volatility.ts";

const known = new WeakMap<Snapshot, string | undefined>();
const looksLikeTrigger = /\b(?:new|old|tg_[a-z]+|return\s+null)\b/i;

/** The name of a function that could be a trigger and touches more than its row; undefined when there is none. */
export function touchingTrigger(context: CallContext): string | undefined {
  const { snapshot } = context;
  if (known.has(snapshot)) return known.get(snapshot);
  let found: string | undefined;
  for (const routines of snapshot.routines.values()) {
    for (const routine of routines) {
      if (
        routine.language !== "plpgsql" ||
        routine.body === undefined ||
        !looksLikeTrigger.test(routine.body)
      )
        continue;
      const searchPath = routine.searchPath ?? context.searchPath;
      const body = openBody(routine.body, { snapshot, searchPath });
      const calls = body.calls.some((path) => routinesNamed(path, { snapshot, searchPath }).length > 0);
      if (
        body.reads.length > 0 ||
        body.writes ||
        body.dynamic ||
        body.readsCatalogs ||
        body.writesCatalogs ||
        calls
      )
        found ??= `${routine.schema}.${routine.name}`;
    }
  }
  known.set(snapshot, found);
  return found;
}

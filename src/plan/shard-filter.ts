/** From the facts about an occurrence's columns to the shards that it concerns: the same statement in terms of the distribution's key. */
import type { ShardFilter } from "../catalog/shard-filter.ts";
import type { Relation } from "../catalog/snapshot.ts";
import type { KeyValue } from "../catalog/shard-filter.ts";
import type { Fact } from "./constraint.ts";
import type { RelevantRows } from "./relevant-rows.ts";

type Facts = ReadonlyMap<string, readonly Fact[]>;

/** Tuples of a key of several columns are written out up to this number. */
const tupleCountMax = 10_000;

const all: ShardFilter = { kind: "all" };

export function shardFilter(relation: Relation, rows: RelevantRows): ShardFilter {
  if (rows.none) return { kind: "none" };
  const { distribution } = relation;
  if (distribution === undefined || !("columns" in distribution)) return all;
  const key = distribution.columns;
  const parts = [ofFacts(key, rows.facts, distribution.kind === "range")];
  for (const terms of rows.alternatives) {
    parts.push(
      union(
        terms.map((term) => ofFacts(key, together(term, rows.facts, key), distribution.kind === "range")),
      ),
    );
  }
  return intersection(parts);
}

/** A key of two columns may have one from the alternative and one from what holds anyway. */
function together(term: Facts, facts: Facts, key: readonly string[]): Facts {
  if (key.length === 1) return term;
  const result = new Map(term);
  for (const [column, list] of facts) result.set(column, [...(result.get(column) ?? []), ...list]);
  return result;
}

function ofFacts(key: readonly string[], facts: Facts, ranges: boolean): ShardFilter {
  const [first] = key;
  const ofFirst = first === undefined ? [] : (facts.get(first) ?? []);
  const parts: ShardFilter[] = [];
  if (key.length === 1) {
    for (const fact of ofFirst) {
      if (fact.kind === "in") parts.push(points(fact.values.map((value) => [value])));
      else if (fact.kind === "any of array") parts.push({ kind: "any-of-array", parameter: fact.parameter });
    }
  } else {
    parts.push(tuples(key, facts));
  }
  if (ranges) {
    for (const fact of ofFirst) {
      if (fact.kind === "between") parts.push({ kind: "interval", lower: fact.lower, upper: fact.upper });
      // (d, n) with d alone known: all slices that may hold that d.
      else if (fact.kind === "in" && key.length > 1 && fact.values.length === 1) {
        parts.push({ kind: "interval", lower: fact.values[0], upper: fact.values[0] });
      }
    }
  }
  return intersection(parts);
}

/** All combinations of the values that the key's columns may have; "all" when one of them is not known. */
function tuples(key: readonly string[], facts: Facts): ShardFilter {
  let result: (readonly KeyValue[])[] = [[]];
  for (const column of key) {
    let best: readonly KeyValue[] | undefined;
    for (const fact of facts.get(column) ?? []) {
      if (fact.kind === "in" && (best === undefined || fact.values.length < best.length)) best = fact.values;
    }
    if (best === undefined || result.length * best.length > tupleCountMax) return all;
    const values = best;
    result = result.flatMap((tuple) => values.map((value) => [...tuple, value]));
  }
  return points(result);
}

function points(list: readonly (readonly KeyValue[])[]): ShardFilter {
  return list.length === 0 ? { kind: "none" } : { kind: "points", tuples: list };
}

export function union(filters: readonly ShardFilter[]): ShardFilter {
  const some = filters.filter((f) => f.kind !== "none");
  if (some.length === 0) return { kind: "none" };
  if (some.some((f) => f.kind === "all")) return all;
  if (some.length === 1) return some[0]!;
  if (some.every((f) => f.kind === "points"))
    return { kind: "points", tuples: some.flatMap((f) => f.tuples) };
  return { kind: "union", of: some };
}

function intersection(filters: readonly ShardFilter[]): ShardFilter {
  const some = filters.filter((f) => f.kind !== "all");
  if (some.length === 0) return all;
  if (some.some((f) => f.kind === "none")) return { kind: "none" };
  return some.length === 1 ? some[0]! : { kind: "intersection", of: some };
}

import { expect, test } from "vitest";
import { routine, shopSnapshot, view } from "../plan/testing/shop-snapshot.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot-codec.ts";
import { memberReference, referredMember } from "./snapshot-members.ts";
import { DEFAULT_SLICE, MAXVALUE, relationKey } from "./snapshot.ts";

const snapshot = shopSnapshot({
  relations: [view("v_žluté", "SELECT id FROM public.orders", "id  bigint")],
  routines: [routine("double", "SELECT $1 * 2"), routine("double", undefined, { searchPath: ["public"] })],
  operators: ["<=>"],
});

const back = decodeSnapshot(encodeSnapshot(snapshot));

test("a snapshot comes back deeply equal", () => {
  expect(back).toStrictEqual(snapshot);
  expect(back).not.toBe(snapshot);
});

test("the symbols of slices are the same ones", () => {
  const { distribution: range } = back.relations.get(relationKey("public", "events"))!;
  expect(range?.kind === "range" && range.slices[3]!.lessThan[0]).toBe(MAXVALUE);
  const { distribution: list } = back.relations.get(relationKey("public", "stores"))!;
  expect(list?.kind === "list" && list.slices[2]!.values).toBe(DEFAULT_SLICE);
});

test("a relation is one object, by name and by oid", () => {
  for (const [key, relation] of back.relations) {
    expect(back.relationsByOid.get(relation.oid)).toBe(relation);
    expect(snapshot.relations.get(key)!.oid).toBe(relation.oid);
  }
});

test("every object of a relation has a reference that finds its counterpart in a copy", () => {
  for (const relation of snapshot.relations.values()) {
    const copy = back.relationsByOid.get(relation.oid)!;
    const pairs: [object | undefined, object | undefined][] = [
      [relation, copy],
      [relation.columns, copy.columns],
      [relation.indexes, copy.indexes],
      ...relation.columns.map((column, i): [object, object] => [column, copy.columns[i]!]),
    ];
    for (const [own, its] of pairs) {
      const reference = memberReference(snapshot, own!)!;
      expect(referredMember(snapshot, reference)).toBe(own);
      expect(referredMember(back, reference)).toBe(its);
    }
  }
});

test("what is no part of the snapshot has no reference, nor has what a copy lacks a counterpart", () => {
  const relation = snapshot.relations.get(relationKey("public", "orders"))!;
  expect(memberReference(snapshot, { ...relation })).toBeUndefined();
  expect(memberReference(back, relation)).toBeUndefined();
  const empty = { ...back, relationsByOid: new Map() };
  expect(referredMember(empty, memberReference(snapshot, relation)!)).toBeUndefined();
  expect(referredMember(back, { part: "column", oid: relation.oid, index: 999 })).toBeUndefined();
});

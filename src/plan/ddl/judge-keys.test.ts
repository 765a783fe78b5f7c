/** D5: keys that would only hold per shard are refused, with the reason and the way out. */
import { expect, test } from "vitest";
import { colocationId, nodeName } from "../../catalog/ids.ts";
import type { Distribution, Relation, Snapshot } from "../../catalog/snapshot.ts";
import { judgeKeys, nodeOfReferences } from "./judge-keys.ts";
import type { ConstraintDefinition, TableDefinition } from "./table-definition.ts";

const hash = (colocation: number, ...columns: string[]): Distribution => ({
  kind: "hash",
  columns,
  colocation: colocationId(colocation),
  placements: [nodeName("dn1"), nodeName("dn2")],
});
const single = (node: string): Distribution => ({ kind: "single", node: nodeName(node) });
const REPLICATED: Distribution = { kind: "replicated" };

const TABLE: TableDefinition = {
  oid: 1,
  schema: "s",
  name: "t",
  owner: "o",
  persistence: "p",
  accessMethod: null,
  options: null,
  columns: [],
  constraints: [],
  indexes: [],
  attachments: [],
  grants: [],
};

function key(more: Partial<ConstraintDefinition>): TableDefinition {
  const constraint: ConstraintDefinition = {
    name: "c",
    type: "p",
    columns: [],
    definition: "",
    validated: true,
    enforced: true,
    expression: null,
    references: null,
    referencedColumns: null,
    ...more,
  };
  return { ...TABLE, constraints: [constraint] };
}

function catalog(target: Distribution | undefined): Snapshot {
  const relation = { oid: 2, name: "target", distribution: target } as Relation;
  return { relationsByOid: new Map([[2, relation]]) } as unknown as Snapshot;
}

const NOTHING = catalog(undefined);

test("unique keys must contain the distribution columns", () => {
  expect(() => judgeKeys(key({ columns: ["a", "k"] }), hash(1, "k"), NOTHING)).not.toThrow();
  expect(() => judgeKeys(key({ columns: ["a"] }), hash(1, "k"), NOTHING)).toThrow(
    /must contain its distribution columns/,
  );
  expect(() => judgeKeys(key({ type: "u", columns: ["k"] }), hash(1, "k", "l"), NOTHING)).toThrow(
    /distribution columns/,
  );
  expect(() => judgeKeys(key({ type: "x", columns: ["a"] }), hash(1, "k"), NOTHING)).toThrow(
    /distribution columns/,
  );
  expect(() => judgeKeys(key({ columns: ["a"] }), REPLICATED, NOTHING)).not.toThrow();
  expect(() => judgeKeys(key({ columns: ["a"] }), single("dn1"), NOTHING)).not.toThrow();
  expect(() => judgeKeys(key({ columns: ["a"] }), { kind: "random" }, NOTHING)).toThrow(
    /randomly distributed/,
  );
});

test("unique indexes too; an expression is no distribution column", () => {
  const index = { oid: 5, name: "i", unique: true, definition: "", ofConstraint: false, expressions: [] };
  expect(() =>
    judgeKeys({ ...TABLE, indexes: [{ ...index, columns: ["k", null] }] }, hash(1, "k"), NOTHING),
  ).not.toThrow();
  expect(() =>
    judgeKeys({ ...TABLE, indexes: [{ ...index, columns: [null] }] }, hash(1, "k"), NOTHING),
  ).toThrow(/distribution columns/);
  expect(() =>
    judgeKeys({ ...TABLE, indexes: [{ ...index, unique: false, columns: ["a"] }] }, hash(1, "k"), NOTHING),
  ).not.toThrow();
});

test("foreign keys must find their row on the same node", () => {
  const foreign = key({ type: "f", columns: ["k", "a"], references: 2, referencedColumns: ["x", "y"] });
  expect(() => judgeKeys(foreign, hash(1, "k"), catalog(hash(1, "x")))).not.toThrow();
  expect(() => judgeKeys(foreign, hash(1, "k"), catalog(hash(1, "y")))).toThrow(
    /map the distribution columns/,
  );
  expect(() => judgeKeys(foreign, hash(1, "k"), catalog(hash(2, "x")))).toThrow(/same colocation group/);
  for (const from of [hash(1, "k"), REPLICATED, single("dn1"), { kind: "random" } as const])
    expect(() => judgeKeys(foreign, from, catalog(REPLICATED))).not.toThrow();
  expect(() => judgeKeys(foreign, REPLICATED, catalog(hash(1, "x")))).toThrow(/same colocation group/);
  expect(() => judgeKeys(foreign, single("dn1"), catalog(single("dn1")))).not.toThrow();
  expect(() => judgeKeys(foreign, single("dn1"), catalog(single("dn2")))).toThrow(/same single node/);
});

test("to itself: by the distribution columns", () => {
  const self = (referencedColumns: string[]) =>
    key({ type: "f", columns: ["up"], references: 1, referencedColumns });
  expect(() => judgeKeys(self(["k"]), hash(1, "k"), NOTHING)).toThrow(/map the distribution columns/);
  expect(() => judgeKeys(self(["k"]), REPLICATED, NOTHING)).not.toThrow();
});

test("what is not enforced is not judged", () => {
  expect(() =>
    judgeKeys(key({ type: "f", enforced: false, references: 2 }), hash(1, "k"), NOTHING),
  ).not.toThrow();
});

test("a table without a distribution follows the single tables that it refers to", () => {
  const foreign = key({ type: "f", columns: ["a"], references: 2, referencedColumns: ["x"] });
  expect(nodeOfReferences(foreign, catalog(single("dn2")))).toBe("dn2");
  expect(nodeOfReferences(foreign, catalog(REPLICATED))).toBeUndefined();
});

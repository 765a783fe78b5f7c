/**
 * Plans as bytes: what one process has planned is used by all. A plan refers to the snapshot that it was made from; another process
 * has a copy of that snapshot, and the plan comes back with that copy's relations and columns in it.
 */
import type { Node } from "@pgsql/types";
import { SNAPSHOT_SYMBOLS } from "../catalog/snapshot-codec.ts";
import { memberReference, referredMember, type MemberReference } from "../catalog/snapshot-members.ts";
import type { Snapshot } from "../catalog/snapshot.ts";
import { decodeGraph, encodeGraph } from "../shared-memory/graph-codec.ts";
import type { Replacement } from "../shared-memory/graph-options.ts";
import type { ParsedStatement } from "../sql/statement.ts";
import type { PlannedStatement } from "./planned-statement.ts";

/** In front of the plans, their number of bytes; behind them the trees. */
const LENGTH_BYTES = 4;

/** What stands for an object in the bytes. */
const PARTS = ["relation", "columns", "indexes", "distribution"] as const;
const COLUMN = PARTS.length;
const STATEMENT = COLUMN + 1;

/** A statement: which of the trees is its own, text, offset, charactersBefore, distribution. */
type WrittenStatement = readonly [number, Buffer, number, number, ParsedStatement["distribution"]];

/** Undefined when the plans cannot be shared: one holds a function (steps of a WITH that writes), or is nested too deeply. */
export function encodePlans(plans: readonly PlannedStatement[]): Buffer | undefined {
  const snapshot = plans[0]?.snapshot;
  if (snapshot === undefined || plans.some((plan) => plan.snapshot !== snapshot)) return undefined;
  const trees: Node[] = [];
  const replace = (value: object): Replacement | undefined => {
    if (isStatement(value)) {
      trees.push(value.tree);
      const { text, offset, charactersBefore, distribution } = value;
      return { kind: STATEMENT, value: [trees.length - 1, text, offset, charactersBefore, distribution] };
    }
    const reference = memberReference(snapshot, value);
    return reference && replacementOf(reference);
  };
  const rest = plans.map(({ snapshot: _snapshot, version: _version, ...own }) => own);
  const encoded = encodeGraph(rest, { symbols: SNAPSHOT_SYMBOLS, replace });
  const encodedTrees = encoded && encodeGraph(trees);
  if (encodedTrees === undefined) return undefined;
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32LE(encoded!.length);
  return Buffer.concat([length, encoded!, encodedTrees]);
}

/**
 * Plans deeply equal to those that were encoded, with the objects of `snapshot`, which must be a copy of the one that they were made
 * from. Trees are read when they are asked for: most statements run without. Texts are views of `bytes`. Undefined when the snapshot
 * lacks something, or the bytes are of another version.
 */
export function decodePlans(
  bytes: Buffer,
  snapshot: Snapshot,
  version: number,
): readonly PlannedStatement[] | undefined {
  try {
    const end = LENGTH_BYTES + bytes.readUInt32LE(0);
    const trees = new Trees(bytes.subarray(end));
    const revive = (kind: number, value: unknown): object => {
      if (kind === STATEMENT) return withTree(value as WrittenStatement, trees);
      const member = referredMember(snapshot, referenceOf(kind, value));
      if (member === undefined) throw new RangeError("the snapshot lacks what the plan refers to");
      return member;
    };
    const rest = decodeGraph(bytes.subarray(LENGTH_BYTES, end), { symbols: SNAPSHOT_SYMBOLS, revive });
    return (rest as Omit<PlannedStatement, "snapshot" | "version">[]).map((own) => ({
      ...own,
      snapshot,
      version,
    }));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The trees of one key's plans: parts of one are parts of another (a plan's reads), so they are read together. */
class Trees {
  private readonly bytes: Buffer;
  private trees: readonly Node[] | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  at(index: number): Node {
    this.trees ??= decodeGraph(this.bytes) as readonly Node[];
    return this.trees[index]!;
  }
}

function isStatement(value: object): value is ParsedStatement {
  return "charactersBefore" in value && "tree" in value;
}

function withTree(
  [tree, text, offset, charactersBefore, distribution]: WrittenStatement,
  trees: Trees,
): ParsedStatement {
  return {
    text,
    offset,
    charactersBefore,
    get tree() {
      return trees.at(tree);
    },
    distribution,
  };
}

function replacementOf(reference: MemberReference): Replacement {
  const { oid } = reference;
  if (reference.part === "column") return { kind: COLUMN, value: [oid, reference.index] };
  return { kind: PARTS.indexOf(reference.part), value: oid };
}

function referenceOf(kind: number, value: unknown): MemberReference {
  if (kind !== COLUMN) return { part: PARTS[kind]!, oid: value as number };
  const [oid, index] = value as [number, number];
  return { part: "column", oid, index };
}

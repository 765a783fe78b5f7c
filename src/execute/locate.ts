/** Which nodes, and which shard if it is only one, an execution concerns: the plan's filters with this execution's values. */
import { isSharded, nodesHolding, nodeOfShard, pruneShards, shardOfKey } from "../catalog/placement.ts";
import { arrayElementsOf } from "../catalog/array-elements.ts";
import type { KeyDatum, KeyValue } from "../catalog/shard-filter.ts";
import type { Relation } from "../catalog/snapshot.ts";
import type { ReadPlan, TableUse } from "../plan/plan.ts";
import { formatOf } from "../protocol/frontend-messages.ts";
import type { ExecutionContext, SnapshotPart, Run } from "./run.ts";

export interface Location {
  /** Nodes that hold relevant rows; "any" when every data node has all of them (only replicated tables, or no rows at all). */
  readonly nodes: ReadonlySet<string> | "any";
  /** The one shard ordinal that all sharded tables of the statement are restricted to. */
  readonly shard: number | undefined;
}

/** The value of a key in this execution. */
export function resolveKey(run: Run, value: KeyValue): KeyDatum | undefined {
  if (value.from === "literal")
    return value.text === null ? null : { bytes: Buffer.from(value.text), format: "text" };
  const bind = run.bind;
  if (bind === undefined) return undefined;
  const bytes = bind.values[value.number - 1];
  if (bytes === undefined) return undefined;
  if (bytes === null) return null;
  return { bytes, format: formatOf(bind.parameterFormats, value.number - 1) === 1 ? "binary" : "text" };
}

/** The elements of an array parameter in this execution; undefined when its form is not understood. */
function resolveArray(run: Run, parameter: number): readonly KeyDatum[] | undefined {
  const bytes = run.bind?.values[parameter - 1];
  if (bytes === undefined) return undefined;
  if (bytes === null) return [];
  return arrayElementsOf(
    bytes,
    formatOf(run.bind!.parameterFormats, parameter - 1) === 1 ? "binary" : "text",
  );
}

/** Where the rows of each shard are, worked out once: relations are immutable. */
const shardLocations = new WeakMap<Relation, Location[]>();

function shardLocation(relation: Relation, shard: number): Location | undefined {
  const { distribution } = relation;
  if (!isSharded(distribution)) return undefined;
  let locations = shardLocations.get(relation);
  if (locations === undefined) shardLocations.set(relation, (locations = []));
  return (locations[shard] ??= { nodes: new Set([nodeOfShard(distribution, shard)]), shard });
}

/** The commonest case without sets of its own: one table, one key. Undefined: to be looked at as all others. */
function locateKey({ relation, filter }: TableUse, run: Run): Location | undefined {
  if (filter.kind !== "points" || filter.tuples.length !== 1) return undefined;
  const key: KeyDatum[] = [];
  for (const value of filter.tuples[0]!) {
    const datum = resolveKey(run, value);
    if (datum === undefined || datum === null) return undefined;
    key.push(datum);
  }
  const shard = shardOfKey(relation, key);
  return typeof shard === "number" ? shardLocation(relation, shard) : undefined;
}

export function locate(uses: readonly TableUse[], run: Run, snapshot: SnapshotPart): Location {
  const ofKey = uses.length === 1 ? locateKey(uses[0]!, run) : undefined;
  if (ofKey !== undefined) return ofKey;
  let nodes: Set<string> | "any" = "any";
  let shard: number | undefined;
  let severalShards = false;
  for (const use of uses) {
    const distribution = use.relation.distribution;
    if (distribution === undefined || distribution.kind === "replicated") continue;
    const held = holding(use, run, snapshot);
    if (distribution.kind === "hash" || distribution.kind === "range" || distribution.kind === "list") {
      if (held.shards.size !== 1) severalShards = true;
      else {
        const [only] = held.shards;
        if (shard !== undefined && shard !== only) severalShards = true;
        shard = only;
      }
    }
    if (held.nodes.size === 0) continue;
    if (nodes === "any") nodes = new Set();
    for (const node of held.nodes) nodes.add(node);
  }
  return { nodes, shard: severalShards ? undefined : shard };
}

const NO_SHARDS: ReadonlySet<number> = new Set();

function holding(
  use: TableUse,
  run: Run,
  snapshot: SnapshotPart,
): { nodes: ReadonlySet<string>; shards: ReadonlySet<number> } {
  const distribution = use.relation.distribution!;
  if (distribution.kind === "single") return { nodes: new Set([distribution.node]), shards: NO_SHARDS };
  if (distribution.kind === "random") {
    return { nodes: use.filter.kind === "none" ? new Set() : new Set(snapshot.dataNodes), shards: NO_SHARDS };
  }
  const shards = pruneShards(
    use.relation,
    use.filter,
    (value) => resolveKey(run, value),
    (parameter) => resolveArray(run, parameter),
  );
  return {
    nodes: new Set(nodesHolding(use.relation, shards, snapshot.dataNodes)),
    shards: shards === "all" ? NO_SHARDS : shards,
  };
}

/** Where all meet who lock or change rows of replicated tables. */
export function firstDataNode({ dataNodes }: SnapshotPart): string {
  return dataNodes.toSorted()[0]!;
}

/** May the statement's row locks be taken on this one node? */
function locksThere(plan: Pick<ReadPlan, "locks">, node: string, snapshot: SnapshotPart): boolean {
  return plan.locks !== "replicated rows" || node === firstDataNode(snapshot);
}

let turn = 0;

/** A data node that the transaction is on already. */
export function joinedDataNode(context: ExecutionContext): string | undefined {
  const { dataNodes } = context.snapshot();
  return context.transaction.nodes.find((node) => (dataNodes as readonly string[]).includes(node));
}

/** The one node on which the plan's text can run as it is; where every node has the rows, one of them. */
export function onlyNode(context: ExecutionContext, plan: ReadPlan, { nodes }: Location): string | undefined {
  if (!plan.direct || (nodes !== "any" && nodes.size !== 1)) return undefined;
  const snapshot = context.snapshot();
  const node = nodes === "any" ? anyNode(context, plan) : nodes.values().next().value!;
  return locksThere(plan, node, snapshot) ? node : undefined;
}

/** One that the transaction is on already, otherwise each in turn. */
function anyNode(context: ExecutionContext, plan: ReadPlan): string {
  const { dataNodes } = context.snapshot();
  if (plan.locks === "replicated rows") return firstDataNode(context.snapshot());
  return joinedDataNode(context) ?? dataNodes[turn++ % dataNodes.length]!;
}

/** The nodes of one table alone, for shipping its rows. */
export function nodesOfTable(
  use: TableUse,
  run: Run,
  snapshot: SnapshotPart,
  preferred: string | undefined,
): readonly string[] {
  if (use.relation.distribution!.kind === "replicated") return [preferred ?? snapshot.dataNodes[0]!];
  return [...holding(use, run, snapshot).nodes];
}

/** The JSON that pleiad.snapshot() gives: see snapshot-function.ts for where each field comes from. */
import type { Distribution, Node, UserType } from "./snapshot.ts";

export interface RawSnapshot {
  version: number;
  nodes: { name: string; kind: Node["kind"] }[] | null;
  schemas: string[] | null;
  operators: string[] | null;
  tables: RawTable[] | null;
  shards: RawShard[] | null;
  types: UserType[] | null;
  relations: RawRelation[] | null;
  routines: RawRoutine[] | null;
}

export interface RawTable {
  relation: number;
  kind: Distribution["kind"];
  columns: string[];
  colocation: number | null;
  node: string | null;
}

export type RawColumn = readonly [
  name: string,
  number: number,
  typeOid: number,
  typeName: string,
  typeModifier: number,
  collation: string | null,
  deterministic: boolean,
  byteOrder: boolean,
  notNull: boolean,
  defaultExpression: string | null,
  generated: string,
  identity: string,
  sequence: string | null,
];

export interface RawRelation {
  oid: number;
  schema: string;
  name: string;
  relkind: string;
  owner: string;
  persistence: string;
  populated: boolean;
  rowSecurity: boolean;
  hasTriggers: boolean;
  securityInvoker: boolean;
  view: string | null;
  parents: number[] | null;
  columns: RawColumn[] | null;
  indexes: { name: string; unique: boolean; primary: boolean; columns: string[] | null }[] | null;
}

export interface RawRoutine {
  oid: number;
  schema: string;
  name: string;
  kind: string;
  language: string;
  volatility: string;
  securityDefiner: boolean;
  usesRowType: boolean;
  returnsSet: boolean;
  body: string | null;
  searchPath: string | null;
  extension: string | null;
}

export interface RawShard {
  colocation: number;
  ordinal: number;
  node: string;
  slice: string | null;
  bounds: unknown;
}

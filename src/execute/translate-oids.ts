/**
 * OIDs of types within binary values: arrays, composites and records say of what type their parts are. Such an OID is one server's,
 * and is replaced in place by another server's for the same type; nothing else of the value changes.
 */
import { FIRST_USER_OID } from "../catalog/type-oids.ts";
import { refusal } from "../errors/refusal.ts";
import type { TypeTable } from "./type-table.ts";

const RECORD = 2249;
const RECORD_ARRAY = 2287;

/** Types whose values are themselves OIDs of a server's objects: regproc, regprocedure, regoper, regoperator, regclass, regtype, regconfig, regdictionary, regnamespace, regrole, regcollation. */
const REG_TYPES: ReadonlySet<number> = new Set([
  24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191,
]);

/** Whether values of a type may hold OIDs that are one server's. */
export function mayHoldOids(typeOid: number): boolean {
  return (
    typeOid >= FIRST_USER_OID || typeOid === RECORD || typeOid === RECORD_ARRAY || REG_TYPES.has(typeOid)
  );
}

export class OidTranslation {
  private readonly from: TypeTable;
  private readonly to: TypeTable;

  constructor(from: TypeTable, to: TypeTable) {
    this.from = from;
    this.to = to;
  }

  /** A row (DataRow in buffer[start, …), type byte included); `types`: of each column on the target's side, 0 for those that stay. */
  row(buffer: Buffer, start: number, types: readonly number[]): void {
    let at = start + 7;
    for (const type of types) {
      const length = buffer.readInt32BE(at);
      at += 4;
      if (length < 0) continue;
      if (type !== 0) this.value(buffer, at, at + length, this.sameType(type, this.to, this.from));
      at += length;
    }
  }

  /** A value in buffer[start, end) of a type of the source's side. */
  value(buffer: Buffer, start: number, end: number, type: number): void {
    if (type === RECORD) return this.composite(buffer, start);
    if (type === RECORD_ARRAY) return this.array(buffer, start, end);
    if (REG_TYPES.has(type) && buffer.readUInt32BE(start) >= FIRST_USER_OID) throw refusal("binary-oid");
    if (type < FIRST_USER_OID) return;
    const { kind, inner } = this.from.byOid.get(type) ?? unknown();
    if (kind === "array") this.array(buffer, start, end);
    else if (kind === "composite") this.composite(buffer, start);
    else if (kind === "domain") this.value(buffer, start, end, inner);
    // Behind the flags of a range, and behind the count of a multirange, stand values with their lengths.
    else if (kind === "range") this.parts(buffer, start + 1, end, inner);
    else if (kind === "multirange") this.parts(buffer, start + 4, end, inner);
  }

  /** Dimensions, flags, type of the elements; two numbers a dimension; elements. */
  private array(buffer: Buffer, start: number, end: number): void {
    const element = buffer.readUInt32BE(start + 8);
    buffer.writeUInt32BE(this.sameType(element, this.from, this.to), start + 8);
    this.parts(buffer, start + 12 + 8 * buffer.readInt32BE(start), end, element);
  }

  /** Number of fields; of each its type and value. */
  private composite(buffer: Buffer, start: number): void {
    let at = start + 4;
    for (let field = buffer.readInt32BE(start); field > 0; field--) {
      const type = buffer.readUInt32BE(at);
      buffer.writeUInt32BE(this.sameType(type, this.from, this.to), at);
      const length = Math.max(0, buffer.readInt32BE(at + 4));
      if (length > 0) this.value(buffer, at + 8, at + 8 + length, type);
      at += 8 + length;
    }
  }

  private parts(buffer: Buffer, start: number, end: number, type: number): void {
    if (!mayHoldOids(type)) return;
    for (let at = start; at < end;) {
      const length = Math.max(0, buffer.readInt32BE(at));
      if (length > 0) this.value(buffer, at + 4, at + 4 + length, type);
      at += 4 + length;
    }
  }

  private sameType(oid: number, here: TypeTable, there: TypeTable): number {
    if (oid < FIRST_USER_OID) return oid;
    return there.byName.get((here.byOid.get(oid) ?? unknown()).name) ?? unknown();
  }
}

function unknown(): never {
  throw refusal("binary-oid");
}

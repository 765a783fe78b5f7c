/**
 * Rows that one part of a statement gave, as a WITH entry that other parts read: every value is the text that its type
 * wrote, read again by the same type.
 */
import type { Relation } from "../../catalog/snapshot.ts";
import { refusal } from "../../errors/refusal.ts";
import { exactLiteral } from "../../execute/write/exact-literal.ts";
import type { Field } from "../../protocol/backend-messages.ts";
import { quoteIdentifier } from "../../sql/quote.ts";
import type { Session } from "../session.ts";
import { FIRST_USER_OID } from "../../catalog/type-oids.ts";

export interface PartColumn {
  readonly name: string;
  readonly type: string;
  /** COLLATE …, where the column has another collation than its type's. */
  readonly collation: string;
}

/** Columns as the catalog node describes them; `aliases` are the names given at the entry. */
export async function columnsOfPart(
  session: Session,
  fields: readonly Field[],
  aliases: readonly string[],
): Promise<readonly PartColumn[]> {
  const lease = await session.transaction.leaseToAsk();
  try {
    const list = fields.map((field, i) => `(${i}, ${field.typeOid}, ${field.typeModifier})`).join(", ");
    const types = await lease.connection.query(
      `SELECT pg_catalog.format_type(t.oid, v.m), t.typtype, t.typcollation <> 0 FROM (VALUES ${list}) AS v (n, o, m) JOIN pg_catalog.pg_type AS t ON t.oid = v.o::pg_catalog.oid ORDER BY v.n`,
    );
    if (types.length !== fields.length) throw refusal("writing-with-many-nodes");
    const relations = new Map([...session.view.snapshot().relations.values()].map((r) => [r.oid, r]));
    return fields.map((field, i) => {
      const [type, kind, collatable] = types[i]!;
      const name = aliases[i] ?? session.decode(field.name);
      if (kind === "p" || !keepsItsText(session, field.typeOid))
        throw refusal("writing-with-many-nodes", `Column "${name}" is of type ${type}.`);
      return { name, type: type!, collation: collatable === "t" ? collationOf(field, relations) : "" };
    });
  } finally {
    lease.release();
  }
}

function collationOf(field: Field, relations: ReadonlyMap<number, Relation>): string {
  const column = relations.get(field.tableOid)?.columns.find((c) => c.number === field.columnNumber);
  return column?.collation === undefined ? "" : ` COLLATE ${column.collation}`;
}

/** float4, float8, and the types of date and time: under some settings their text is not exact. */
const SETTINGS_MATTER: ReadonlySet<number> = new Set([
  700, 701, 1082, 1114, 1184, 1186, 1021, 1022, 1182, 1115, 1185, 1187,
]);

function keepsItsText(session: Session, typeOid: number): boolean {
  if (!SETTINGS_MATTER.has(typeOid) && typeOid < FIRST_USER_OID) return true;
  const { settings } = session.transaction;
  const digits = settings.get("extra_float_digits");
  const style = settings.get("datestyle");
  return (digits === undefined || Number(digits) >= 1) && (style === undefined || /^\s*iso/i.test(style));
}

/** The entry with its rows; without rows it serves to plan what reads it. */
export function entryOfRows(
  session: Session,
  name: string,
  columns: readonly PartColumn[],
  rows: readonly (readonly (Buffer | null)[])[],
): string {
  const encoding = session.transaction.settings.get("client_encoding") ?? "UTF8";
  const names = columns.map((column) => quoteIdentifier(column.name)).join(", ");
  const values = columns.map(({ type, collation }, i) => `v${i}::${type}${collation}`).join(", ");
  const arrays = columns.map((_, i) => {
    const texts = rows.map((row) => elementText(session, row[i] ?? null));
    return `pg_catalog.unnest(${exactLiteral(`{${texts.join(",")}}`, encoding)}::pg_catalog.text[])`;
  });
  const variables = columns.map((_, i) => `v${i}`).join(", ");
  return `${quoteIdentifier(name)} (${names}) AS MATERIALIZED (SELECT ${values} FROM ROWS FROM (${arrays.join(", ")}) AS u (${variables}))`;
}

function elementText(session: Session, value: Buffer | null): string {
  if (value === null) return "NULL";
  return `"${session.decode(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

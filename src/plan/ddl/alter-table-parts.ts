/**
 * ALTER TABLE, subcommand by subcommand: what the data nodes are told. Most is said of the table as written, and PostgreSQL
 * cascades it to the partitions; some is said of each partition; what concerns sequences stays on the catalog node.
 */
import type { AlterTableCmd, AlterTableStmt, ColumnDef, Constraint } from "@pgsql/types";
import { refusal } from "../../errors/refusal.ts";
import type { ParsedStatement, Splice } from "../../sql/statement.ts";
import { isSymbol, tokenize } from "../../sql/tokens.ts";
import { names, walk } from "../../sql/walk.ts";
import { tableHead, type TableHead } from "./table-head.ts";

export type PartPlace =
  | "table"
  /** Partitions, where there are any. */
  | "partitions"
  /** The catalog node alone. */
  | "catalog"
  /** A new column whose values in existing rows are numbers of a sequence or one value of the whole statement. */
  | "valued column";

export interface AlterPart {
  readonly command: AlterTableCmd;
  readonly place: PartPlace;
  /** Byte range in the statement's text. */
  readonly start: number;
  readonly end: number;
}

export interface AlterParts {
  readonly head: TableHead;
  readonly parts: readonly AlterPart[];
}

const OF_PARTITIONS: ReadonlySet<string> = new Set([
  "AT_SetRelOptions",
  "AT_ResetRelOptions",
  "AT_SetLogged",
  "AT_SetUnLogged",
  "AT_ClusterOn",
  "AT_DropCluster",
  "AT_ReplicaIdentity",
  "AT_SetAccessMethod",
]);
const OF_CATALOG: ReadonlySet<string> = new Set([
  "AT_AddIdentity",
  "AT_SetIdentity",
  "AT_DropIdentity",
  "AT_AddOf",
  "AT_DropOf",
]);
const REFUSED: ReadonlySet<string> = new Set([
  "AT_AddInherit",
  "AT_DropInherit",
  "AT_AttachPartition",
  "AT_DetachPartition",
  "AT_DetachPartitionFinalize",
  "AT_GenericOptions",
  "AT_AlterColumnGenericOptions",
  "AT_EnableRule",
  "AT_DisableRule",
  "AT_EnableAlwaysRule",
  "AT_EnableReplicaRule",
]);
const SERIAL_TYPES: ReadonlySet<string> = new Set([
  "smallserial",
  "serial",
  "bigserial",
  "serial2",
  "serial4",
  "serial8",
]);

/** Throws the refusal of what no data node could do. */
export function alterTableParts(statement: ParsedStatement, sharded: boolean): AlterParts {
  const { AlterTableStmt: alter } = statement.tree as { AlterTableStmt: AlterTableStmt };
  const head = tableHead(statement, alter.relation!);
  const commands = (alter.cmds ?? []).map((node) => (node as { AlterTableCmd: AlterTableCmd }).AlterTableCmd);
  const ranges = splitAtCommas(statement.text, head.end);
  if (ranges.length !== commands.length) throw refusal("alter-table-form");
  const parts = commands.map((command, i) => ({ command, place: placeOf(command, sharded), ...ranges[i]! }));
  return { head, parts };
}

/**
 * The text for the table itself, as changes to what the client wrote; undefined when nothing of it is left. Valued columns
 * are written as the replacements say: among the others, so that the order of columns is that of the shell.
 */
export function tableSplices(
  { head, parts }: AlterParts,
  replacements: ReadonlyMap<AlterPart, string>,
): readonly Splice[] | undefined {
  const stays = (part: AlterPart) => part.place === "table" || replacements.has(part);
  if (!parts.some(stays)) return undefined;
  const splices = [...head.plain];
  parts.forEach((part, i) => {
    const replacement = replacements.get(part);
    if (replacement !== undefined) splices.push({ start: part.start, end: part.end, text: replacement });
    else if (!stays(part)) {
      // With the comma behind it, or before it when nothing that stays follows.
      const last = !parts.slice(i + 1).some(stays);
      splices.push(
        last
          ? { start: parts[i - 1]!.end, end: part.end, text: "" }
          : { start: part.start, end: parts[i + 1]!.start, text: "" },
      );
    }
  });
  return splices;
}

/** ALTER TABLE with the subcommands for one partition. */
export function partitionText(
  statement: ParsedStatement,
  { parts }: AlterParts,
  partition: string,
): string | undefined {
  const own = parts.filter((part) => part.place === "partitions");
  if (own.length === 0) return undefined;
  return `ALTER TABLE ${partition} ${own.map((part) => statement.text.toString("utf8", part.start, part.end)).join(", ")}`;
}

function splitAtCommas(text: Buffer, from: number): { start: number; end: number }[] {
  const tokens = tokenize(text.subarray(from));
  const ranges: { start: number; end: number }[] = [];
  let depth = 0;
  let first = 0;
  tokens.forEach((token, i) => {
    const here = text.subarray(from);
    if (isSymbol(here, token, "(") || isSymbol(here, token, "[")) depth++;
    else if (isSymbol(here, token, ")") || isSymbol(here, token, "]")) depth--;
    const comma = depth === 0 && isSymbol(here, token, ",");
    if (!comma && i < tokens.length - 1) return;
    const opening = tokens[first];
    const last = comma ? tokens[i - 1] : token;
    if (last !== undefined && opening !== undefined)
      ranges.push({ start: from + opening.start, end: from + last.end });
    first = i + 1;
  });
  return ranges;
}

function placeOf(command: AlterTableCmd, sharded: boolean): PartPlace {
  const type = command.subtype ?? "";
  if (REFUSED.has(type)) throw refusal("alter-table-form");
  if (type === "AT_SetTableSpace") throw refusal("tablespace");
  if (OF_CATALOG.has(type)) return "catalog";
  if (OF_PARTITIONS.has(type)) return sharded ? "partitions" : "table";
  if (type === "AT_ColumnDefault") return takesNumber(command.def) ? "catalog" : "table";
  if (type === "AT_AddColumn") return isValued(command.def) ? "valued column" : "table";
  if (type === "AT_AddConstraint") {
    const { Constraint: constraint } = command.def as { Constraint: Constraint };
    if (constraint.indexname !== undefined && sharded)
      throw refusal("index-constraint", `Constraint "${constraint.conname}".`);
    // A foreign key that nobody enforces may refer to any table: the shells remember it.
    if (constraint.contype === "CONSTR_FOREIGN" && constraint.is_enforced !== true) return "catalog";
  }
  return "table";
}

/** serial, identity, or a default that calls a function. */
function isValued(definition: unknown): boolean {
  const { ColumnDef: column } = definition as { ColumnDef: ColumnDef };
  const type = names(column.typeName?.names) ?? [];
  if (SERIAL_TYPES.has(type.at(-1) ?? "")) return true;
  return (column.constraints ?? []).some((node) => {
    const { Constraint: constraint } = node as { Constraint: Constraint };
    return (
      constraint.contype === "CONSTR_IDENTITY" ||
      (constraint.contype === "CONSTR_DEFAULT" && callsFunction(constraint.raw_expr))
    );
  });
}

function callsFunction(expression: unknown): boolean {
  let found = false;
  walk({ expression }, (type) => {
    if (type === "FuncCall" || type === "SQLValueFunction") found = true;
  });
  return found;
}

function takesNumber(expression: unknown): boolean {
  let found = false;
  walk({ expression }, (type, fields) => {
    if (type === "FuncCall" && (names(fields["funcname"] as []) ?? []).at(-1) === "nextval") found = true;
  });
  return found;
}

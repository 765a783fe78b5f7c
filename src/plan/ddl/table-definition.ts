/**
 * A table as the catalog node has it, and the statements that make it on a data node. The shell is the truth: what LIKE,
 * OF, serial or a generated name became there is what the data nodes get, so a definition reads the same on all servers.
 */
import { partitionByClause } from "../../catalog/partition-ddl.ts";
import type { Distribution } from "../../catalog/snapshot.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../../sql/quote.ts";

export interface ColumnDefinition {
  readonly name: string;
  /** format_type, qualified. */
  readonly type: string;
  /** Qualified and quoted, when it is not the type's own. */
  readonly collation: string | null;
  readonly notNull: boolean;
  /** pg_get_expr of the default or the generation expression. */
  readonly default: string | null;
  /** The default takes numbers from a sequence: those live on the catalog node only. */
  readonly usesSequence: boolean;
  readonly generated: "" | "s" | "v";
  readonly identity: "" | "a" | "d";
  /** Storage, compression, statistics target and options, where they differ from the default. */
  readonly storage: string | null;
  readonly compression: string | null;
  readonly statistics: number | null;
  readonly options: readonly string[] | null;
}

export interface ConstraintDefinition {
  readonly name: string;
  /** pg_constraint.contype: not null, check, primary key, unique, exclusion, foreign key. */
  readonly type: "n" | "c" | "p" | "u" | "x" | "f" | "t";
  readonly columns: readonly string[];
  readonly definition: string;
  readonly validated: boolean;
  readonly enforced: boolean;
  /** Check constraints: the condition alone. */
  readonly expression: string | null;
  /** Foreign keys: oid of the referenced table, and its columns. */
  readonly references: number | null;
  readonly referencedColumns: readonly string[] | null;
}

export interface IndexDefinition {
  readonly oid: number;
  readonly name: string;
  readonly unique: boolean;
  /** Key columns; null stands for an expression. */
  readonly columns: readonly (string | null)[];
  readonly definition: string;
  /** Belongs to a constraint, and comes with it. */
  readonly ofConstraint: boolean;
  /** Expressions and predicate. */
  readonly expressions: readonly string[];
}

export interface TableDefinition {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly persistence: "p" | "u" | "t";
  readonly accessMethod: string | null;
  readonly options: readonly string[] | null;
  readonly columns: readonly ColumnDefinition[];
  readonly constraints: readonly ConstraintDefinition[];
  readonly indexes: readonly IndexDefinition[];
  /** Statements for what hangs on the table: row security, policies, triggers, statistics. */
  readonly attachments: readonly string[];
  /** GRANT statements; what is not granted here is nobody's but the owner's. */
  readonly grants: readonly string[];
}

/** Statements for one data node, in order. */
export interface TableStatements {
  /** The table itself, with what PostgreSQL checks without evaluating anything of the user's. */
  readonly table: readonly string[];
  /** To be run for each partition, or for the table where it has none: storage. */
  storage(qualifiedName: string): readonly string[];
  /** Behind the partitions: all that has expressions of the user's. */
  readonly rest: readonly string[];
}

export function tableStatements(table: TableDefinition, distribution: Distribution): TableStatements {
  const name = quoteQualified(table.schema, table.name);
  const partitionBy = partitionByClause(distribution);
  const named = table.constraints.filter((c) => c.enforced);
  const inline = named.filter(
    (c) => c.validated && (c.type === "n" || c.type === "c" || c.type === "p" || c.type === "u"),
  );
  const later = named.filter((c) => !inline.includes(c) && c.type !== "t");
  const elements = [
    ...table.columns.map((column) =>
      columnText(column, !inline.some((c) => c.type === "n" && c.columns[0] === column.name)),
    ),
    ...inline.map((c) => `CONSTRAINT ${quoteIdentifier(c.name)} ${c.definition}`),
  ];
  const access = table.accessMethod === null ? "" : ` USING ${quoteIdentifier(table.accessMethod)}`;
  return {
    table: [
      `CREATE TABLE ${name} (${elements.join(", ")})${partitionBy === undefined ? "" : ` ${partitionBy}`}${access}`,
      ...table.columns.flatMap((column) => columnSettings(name, column)),
    ],
    storage: (qualified) => [
      ...(table.persistence === "u" ? [`ALTER TABLE ${qualified} SET UNLOGGED`] : []),
      ...(table.options === null
        ? []
        : [`ALTER TABLE ${qualified} SET (${table.options.map(optionText).join(", ")})`]),
    ],
    rest: [
      ...later.map((c) => `ALTER TABLE ${name} ADD CONSTRAINT ${quoteIdentifier(c.name)} ${c.definition}`),
      ...table.indexes.filter((index) => !index.ofConstraint).map((index) => index.definition),
    ],
  };
}

function columnText(column: ColumnDefinition, withNotNull: boolean): string {
  let text = `${quoteIdentifier(column.name)} ${column.type}`;
  if (column.collation !== null) text += ` COLLATE ${column.collation}`;
  if (column.generated !== "")
    text += ` GENERATED ALWAYS AS (${column.default}) ${column.generated === "s" ? "STORED" : "VIRTUAL"}`;
  else if (column.default !== null && !column.usesSequence) text += ` DEFAULT ${column.default}`;
  if (column.notNull && withNotNull) text += " NOT NULL";
  return text;
}

function columnSettings(table: string, column: ColumnDefinition): string[] {
  const alter = `ALTER TABLE ${table} ALTER COLUMN ${quoteIdentifier(column.name)}`;
  return [
    ...(column.storage === null ? [] : [`${alter} SET STORAGE ${column.storage}`]),
    ...(column.compression === null ? [] : [`${alter} SET COMPRESSION ${column.compression}`]),
    ...(column.statistics === null ? [] : [`${alter} SET STATISTICS ${column.statistics}`]),
    ...(column.options === null ? [] : [`${alter} SET (${column.options.map(optionText).join(", ")})`]),
  ];
}

/** name=value of reloptions, the value as a literal. */
function optionText(option: string): string {
  const at = option.indexOf("=");
  return `${option.slice(0, at)} = ${quoteLiteral(option.slice(at + 1))}`;
}

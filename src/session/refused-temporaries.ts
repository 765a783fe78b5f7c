/**
 * Names of temporary objects that the session should have but has not: their creation was refused, or they were lost with
 * their connection. A script that goes on after that error means its temporary object by the name, never the table of the same name: every later statement of the session with the name in it is refused too.
 */
import type { Node } from "@pgsql/types";
import { PgError } from "../errors/pg-error.ts";
import { refusal } from "../errors/refusal.ts";

interface Named {
  readonly relname?: string;
  readonly schemaname?: string;
  readonly relpersistence?: string;
}

export class RefusedTemporaries {
  private readonly names = new Set<string>();

  get isEmpty(): boolean {
    return this.names.size === 0;
  }

  /** `error` is what came of the statement. */
  note(tree: Node, error: unknown): void {
    const created = createdTemporary(tree);
    if (created !== undefined && error instanceof PgError && error.code === "0A000") this.names.add(created);
  }

  /** A temporary object that was lost with its connection. */
  add(name: string): void {
    this.names.add(name);
  }

  /** Throws when the statement names one of them. */
  check(tree: Node): void {
    if (this.names.size === 0 || createdTemporary(tree) !== undefined) return;
    const drops = "DropStmt" in tree || "CommentStmt" in tree;
    const stack: unknown[] = [tree];
    while (stack.length > 0) {
      const item = stack.pop();
      if (typeof item !== "object" || item === null) continue;
      const { relname, schemaname } = item as Named;
      if (relname !== undefined && schemaname === undefined) this.refuse(relname);
      const { sval } = item as { sval?: unknown };
      if (drops && typeof sval === "string") this.refuse(sval);
      for (const value of Object.values(item)) stack.push(value);
    }
  }

  private refuse(name: string): void {
    if (this.names.has(name)) throw refusal("temporary-object", `"${name}" was not created, or is lost.`);
  }

  /** DISCARD TEMP, DISCARD ALL. */
  clear(): void {
    this.names.clear();
  }
}

/** The name that CREATE TEMP … or SELECT … INTO TEMP gives. */
export function createdTemporary(tree: Node): string | undefined {
  const named = createdRelation(tree);
  const temporary = named?.relpersistence === "t" || named?.schemaname === "pg_temp";
  return temporary ? named?.relname : undefined;
}

/** The relation that CREATE … or SELECT … INTO makes. */
export function createdRelation(tree: Node): Named | undefined {
  const fields = Object.values(tree)[0] as {
    readonly relation?: Named;
    readonly view?: Named;
    readonly sequence?: Named;
    readonly into?: { readonly rel?: Named };
    readonly intoClause?: { readonly rel?: Named };
    readonly larg?: unknown;
  };
  let named: Named | undefined;
  if ("CreateStmt" in tree) named = fields.relation;
  else if ("ViewStmt" in tree) named = fields.view;
  else if ("CreateSeqStmt" in tree) named = fields.sequence;
  else if ("CreateTableAsStmt" in tree) named = fields.into?.rel;
  else if ("SelectStmt" in tree) {
    // In SELECT … INTO … UNION … the clause hangs on the leftmost arm.
    for (let s: typeof fields | undefined = fields; s !== undefined; s = s.larg as typeof fields | undefined)
      named ??= s.intoClause?.rel;
  }
  return named;
}

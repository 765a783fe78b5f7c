/**
 * Failure mode Q1: a function that reads tables would see one node's part of them, or an empty shell. So the body of every
 * routine that a statement may call is opened: what it reads is shipped to where the function runs, what cannot be opened
 * is refused. Operators and aggregates of the user's own are opened as all functions of the database, since the snapshot
 * does not say which of them they call.
 */
import type { Relation, Routine, Snapshot } from "../catalog/snapshot.ts";
import { refusal } from "../errors/refusal.ts";
import type { PgError } from "../errors/pg-error.ts";
import { names } from "../sql/walk.ts";
import { isKnownOperator } from "./known-operators.ts";
import { openBody, type OpenedBody } from "./open-body.ts";
import type { QueryTree } from "./query-tree.ts";
import { resolveColumn } from "./resolve-column.ts";
import type { SettingCall } from "./setting-calls.ts";
import { fieldsOf } from "./table-names.ts";
import { routinesNamed, type CallContext } from "./volatility.ts";

export interface OpenedFunctions {
  /** Tables that called functions read. */
  readonly reads: ReadonlySet<Relation>;
  /** Why those tables cannot be brought to another node. */
  readonly notMovable: PgError | undefined;
  /** Some routine of the user's own may be called. */
  readonly called: boolean;
  /** Some called function takes or gives rows of a table's type: it exists only where the tables do. */
  readonly rowTypes: boolean;
  /** Some called function looks into catalogs or uses sequences. */
  readonly readsCatalogs: boolean;
  readonly writesCatalogs: boolean;
  readonly usesSequences: boolean;
  /** Calls of set_config() in called functions. */
  readonly settingCalls: readonly SettingCall[];
  /** Name of a function of the connection (pg_backend_pid …) that some called function calls. */
  readonly connectionFunction: string | undefined;
  /** Some called function asks for the time of its transaction. */
  readonly asksTime: boolean;
}

/** Throws a refusal for what must not run at all. */
export function openFunctions(tree: QueryTree, context: CallContext): OpenedFunctions {
  const opener = new Opener(context);
  for (const { node } of tree.functionCalls) opener.call(names(node.funcname) ?? []);
  for (const name of tree.fieldNames) opener.call([name]);
  for (const { node, block } of tree.columnRefs) {
    // o.late may be late(o); what is certainly a column is not.
    const fields = fieldsOf(node);
    const last = fields.at(-1)!;
    if (fields.length < 2 || last === "*" || routinesNamed([last], context).length === 0) continue;
    if (block === undefined || resolveColumn(node, block) === undefined) opener.call([last]);
  }
  for (const { node } of tree.operators) {
    const path = names(node.name) ?? [];
    const name = path.at(-1) ?? "";
    const certainlyBuiltIn = path[0] === "pg_catalog" || isKnownOperator(name);
    if (!certainlyBuiltIn && context.snapshot.userOperators.has(name)) opener.all();
  }
  return opener.result();
}

/** The same for the body of a DO block, or for a CALL of these routines with arguments that call others. */
export function openBlock(body: string, context: CallContext): OpenedFunctions {
  const opener = new Opener(context);
  opener.take(openBody(body, context), context.searchPath, "The DO block.");
  return opener.result();
}

export function openCall(calls: readonly (readonly string[])[], context: CallContext): OpenedFunctions {
  const opener = new Opener(context);
  for (const call of calls) opener.call(call);
  return opener.result();
}

const systemSchemas = new Set(["pg_catalog", "information_schema", "pleiad"]);

const opened = new WeakMap<Snapshot, Map<string, OpenedBody>>();

class Opener {
  private readonly context: CallContext;
  private readonly seen = new Set<number>();
  private readonly reads = new Set<Relation>();
  private notMovable: PgError | undefined;
  private rowTypes = false;
  private readsCatalogs = false;
  private writesCatalogs = false;
  private usesSequences = false;
  private readonly settingCalls: SettingCall[] = [];
  private connectionFunction: string | undefined;
  private asksTime = false;

  constructor(context: CallContext) {
    this.context = context;
  }

  result(): OpenedFunctions {
    const {
      reads,
      notMovable,
      readsCatalogs,
      writesCatalogs,
      usesSequences,
      settingCalls,
      connectionFunction,
    } = this;
    return {
      reads,
      notMovable,
      called: this.seen.size > 0,
      rowTypes: this.rowTypes,
      readsCatalogs,
      writesCatalogs,
      usesSequences,
      settingCalls,
      connectionFunction,
      asksTime: this.asksTime,
    };
  }

  call(path: readonly string[]): void {
    const routines = routinesNamed(path, this.context);
    const schema = path.length > 1 ? path.at(-2)! : "pg_catalog";
    // pg_temp.f(), or one that the snapshot does not hold yet.
    if (routines.length === 0 && !systemSchemas.has(schema))
      throw refusal("function-not-opened", `Function "${path.join(".")}".`);
    for (const routine of routines) this.open(routine);
  }

  /** Every function of the user's own: which of them an operator or aggregate stands for is not known. */
  all(): void {
    for (const list of this.context.snapshot.routines.values()) {
      for (const routine of list)
        if (routine.kind === "function" && routine.extension === undefined) this.open(routine);
    }
  }

  private open(routine: Routine): void {
    if (this.seen.has(routine.oid)) return;
    this.seen.add(routine.oid);
    // Pleiad's own functions look at its metadata, on the catalog node.
    if (routine.schema === "pleiad") {
      this.readsCatalogs = true;
      this.writesCatalogs = true;
      return;
    }
    if (routine.kind === "aggregate" || routine.kind === "window") {
      if (routine.extension === undefined) this.all();
      return;
    }
    this.rowTypes ||= routine.usesRowType;
    if (routine.language === "c" || routine.language === "internal") return;
    const name = `Function "${routine.schema}.${routine.name}".`;
    if (routine.body === undefined || (routine.language !== "sql" && routine.language !== "plpgsql")) {
      throw refusal("function-not-opened", name);
    }
    const searchPath = routine.searchPath ?? this.context.searchPath;
    const body = this.body(routine, routine.body, searchPath);
    if (body.reads.length > 0 && routine.securityDefiner)
      this.notMovable ??= refusal("function-reads-many-nodes", name);
    this.take(body, searchPath, name);
  }

  /** What a body does is done by who calls it. */
  take(body: OpenedBody, searchPath: readonly string[], name: string): void {
    if (body.dynamic) throw refusal("function-not-opened", name);
    if (body.writes) throw refusal("function-writes", name);
    if (body.leavesCursor) throw refusal("function-leaves-cursor", name);
    // Views exist on the catalog node only, over its shells.
    if (body.readsView) throw refusal("function-reads-many-nodes", name);
    for (const relation of body.reads) this.reads.add(relation);
    if (body.reads.length > 0 && body.readsQualified)
      this.notMovable ??= refusal("function-reads-many-nodes", name);
    this.readsCatalogs ||= body.readsCatalogs;
    this.writesCatalogs ||= body.writesCatalogs;
    this.usesSequences ||= body.usesSequences;
    this.settingCalls.push(...body.settingCalls);
    this.connectionFunction ??= body.connectionFunction;
    this.asksTime ||= body.asksTime;
    for (const call of body.calls) {
      if (call[0] === "pg_temp") throw refusal("function-not-opened", name);
      for (const inner of routinesNamed(call, { ...this.context, searchPath })) this.open(inner);
    }
    if (body.userOperator) this.all();
  }

  /** Bodies are read once per snapshot and search path. */
  private body(routine: Routine, text: string, searchPath: readonly string[]): OpenedBody {
    const { snapshot } = this.context;
    let kept = opened.get(snapshot);
    if (kept === undefined) opened.set(snapshot, (kept = new Map()));
    const key = `${routine.oid}\0${searchPath.join("\0")}`;
    let body = kept.get(key);
    if (body === undefined) kept.set(key, (body = openBody(text, { snapshot, searchPath })));
    return body;
  }
}

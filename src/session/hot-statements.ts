/**
 * The hot path of the simple protocol: reads by key that differ only in the key's literal share one plan, and run on the servers
 * as one prepared statement with that literal as its parameter. Which literal is the key is not guessed: the statement is planned a
 * second time with a parameter in the literal's place, and only if that plan is the point read by this parameter, with the same
 * result columns, is it used. What fails on this way is run again as it was written, so errors are PostgreSQL's own.
 */
import { Preface, type Run } from "../execute/run.ts";
import type { ReadPlan } from "../plan/plan.ts";
import { rowDescription, type Field } from "../protocol/backend-messages.ts";
import { textBindTail, type BindMessage } from "../protocol/frontend-messages.ts";
import { liftLiterals, literalText, type LiftedLiteral } from "../sql/lift-literals.ts";
import type { DatabaseCatalog } from "./database-catalog.ts";
import { planQueryString } from "./plan-statement.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import type { Session } from "./session.ts";

/** Numbers of up to so many digits are int4 whatever they are. */
const INT4_DIGITS_SAFE = 9;
const INT4 = 23;
const INT8 = 20;
const ENTRIES_MAX = 2_000;

interface HotStatement {
  /** Which literal of the text is the key. */
  readonly index: number;
  readonly planned: PlannedStatement;
  readonly description: Buffer;
}

/** A hot statement with the key of this execution. */
export interface HotRun {
  readonly planned: PlannedStatement;
  readonly run: Run;
}

/** Entries by circumstances, skeleton and the other literals; which literal is the key, by skeleton. */
export class HotStatements {
  private readonly entries = new Map<string, HotStatement>();
  private readonly keyIndex = new Map<string, number>();

  find(circumstancesKey: string, text: Buffer): HotRun | undefined {
    if (this.keyIndex.size === 0) return undefined;
    const skeleton = liftLiterals(text);
    if (skeleton === undefined) return undefined;
    const index = this.keyIndex.get(skeleton.key);
    if (index === undefined) return undefined;
    const literal = skeleton.literals[index]!;
    if (!isSafe(literal)) return undefined;
    const hot = this.entries.get(entryKey(circumstancesKey, skeleton.key, text, skeleton.literals, index));
    if (hot === undefined) return undefined;
    const value = Buffer.from(literalText(text, literal));
    const bind: BindMessage = {
      portal: "",
      statement: "",
      tail: textBindTail([value]),
      parameterFormats: [],
      values: [value],
      resultFormats: [],
    };
    const { planned, description } = hot;
    const run: Run = {
      bind,
      parameterTypes: planned.description!.parameterTypes,
      fields: planned.description!.fields,
      describe: true,
      preface: new Preface(description),
      rowsMax: 0,
      portal: undefined,
    };
    return { planned, run };
  }

  /** After a statement was planned as it is written: shares its plan from now on if it is a read by one literal key. */
  async learn(session: Session, text: Buffer, written: PlannedStatement): Promise<void> {
    const { plan } = written;
    if (plan?.kind !== "read" || !plan.cost.pointRead) return;
    const key = literalKey(plan);
    const skeleton = key === undefined ? undefined : liftLiterals(text);
    if (key === undefined || skeleton === undefined) return;
    const index = onlyLiteral(text, skeleton.literals, key.text);
    if (index === undefined || !isSafe(skeleton.literals[index]!)) return;
    const literal = skeleton.literals[index]!;
    if (literal.kind === "number" && key.typeOid !== INT4 && key.typeOid !== INT8) return;
    const parameterised = Buffer.concat([
      text.subarray(0, literal.start),
      Buffer.from("$1"),
      text.subarray(literal.end),
    ]);
    let planned: PlannedStatement | undefined;
    try {
      planned = (await planQueryString(session, parameterised, [key.typeOid], true))[0];
    } catch {
      return;
    }
    if (planned === undefined || !isSameByParameter(written, planned)) return;
    if (this.entries.size >= ENTRIES_MAX) {
      this.entries.clear();
      this.keyIndex.clear();
    }
    const circumstancesKey = session.hotCircumstances();
    this.keyIndex.set(skeleton.key, index);
    this.entries.set(entryKey(circumstancesKey, skeleton.key, text, skeleton.literals, index), {
      index,
      planned,
      description: rowDescription(planned.description!.fields!, []),
    });
  }
}

const statementsOf = new WeakMap<DatabaseCatalog, { snapshot: unknown; statements: HotStatements }>();

/** The hot statements of a database for its present snapshot. */
export function hotStatements(catalog: DatabaseCatalog): HotStatements | undefined {
  const snapshot = catalog.present;
  if (snapshot === undefined) return undefined;
  let known = statementsOf.get(catalog);
  if (known === undefined || known.snapshot !== snapshot)
    statementsOf.set(catalog, (known = { snapshot, statements: new HotStatements() }));
  return known.statements;
}

function isSafe(literal: LiftedLiteral): boolean {
  return literal.kind === "string" || literal.end - literal.start <= INT4_DIGITS_SAFE;
}

function entryKey(
  circumstancesKey: string,
  skeleton: string,
  text: Buffer,
  literals: readonly LiftedLiteral[],
  index: number,
): string {
  let key = `${circumstancesKey}\0${skeleton}`;
  if (literals.length === 1) return key;
  literals.forEach((literal, i) => {
    if (i !== index) key += `\0${text.toString("latin1", literal.start, literal.end)}`;
  });
  return key;
}

/** The literal by which the plan's only table is restricted to one key of one column. */
function literalKey(plan: ReadPlan): { text: string; typeOid: number } | undefined {
  const [use] = plan.uses;
  if (plan.uses.length !== 1 || use?.filter.kind !== "points" || use.filter.tuples.length !== 1)
    return undefined;
  const [tuple] = use.filter.tuples;
  const [value] = tuple!;
  if (tuple!.length !== 1 || value?.from !== "literal" || value.text === null) return undefined;
  const { distribution } = use.relation;
  if (distribution?.kind !== "hash") return undefined;
  const column = use.relation.columns.find(({ name }) => name === distribution.columns[0])!;
  return { text: value.text, typeOid: column.typeOid };
}

/** Index of the one literal with this value; undefined when there are several, or none. */
function onlyLiteral(text: Buffer, literals: readonly LiftedLiteral[], value: string): number | undefined {
  const found = literals.flatMap((literal, i) => (literalText(text, literal) === value ? [i] : []));
  return found.length === 1 ? found[0] : undefined;
}

function isSameByParameter(written: PlannedStatement, planned: PlannedStatement): boolean {
  const { plan } = planned;
  if (plan?.kind !== "read" || !plan.cost.pointRead || plan.uses.length !== 1) return false;
  const { filter } = plan.uses[0]!;
  if (filter.kind !== "points" || filter.tuples.length !== 1) return false;
  const [value] = filter.tuples[0]!;
  if (value?.from !== "parameter" || value.number !== 1) return false;
  const before = written.description?.fields;
  const after = planned.description?.fields;
  return before !== undefined && after !== undefined && sameFields(before, after);
}

function sameFields(a: readonly Field[], b: readonly Field[]): boolean {
  return (
    a.length === b.length &&
    a.every((field, i) => {
      const other = b[i]!;
      return (
        field.name.equals(other.name) &&
        field.typeOid === other.typeOid &&
        field.typeModifier === other.typeModifier &&
        field.tableOid === other.tableOid &&
        field.columnNumber === other.columnNumber
      );
    })
  );
}

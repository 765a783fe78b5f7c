/**
 * The hot path of the simple protocol: statements that differ only in literals share one plan, and run on the servers as one
 * prepared statement with those literals as its parameters. Which literals may be parameters is not guessed: the statement is
 * planned a second time with parameters in their places, by PostgreSQL and by our planner, and only if the result has the same
 * columns is that plan used from then on.
 */
import { GivenUp, PgError } from "../errors/pg-error.ts";
import { Preface, type Run } from "../execute/run.ts";
import { clientError } from "../execute/client-error.ts";
import { liftableLiterals, rangeOf, type Liftable } from "../plan/liftable-literals.ts";
import { rowDescription, type Field } from "../protocol/backend-messages.ts";
import { textBindTail, type BindMessage } from "../protocol/frontend-messages.ts";
import { charactersIn } from "../sql/characters.ts";
import { liftLiterals, literalBytes, type LiftedLiteral, type Skeleton } from "../sql/lift-literals.ts";
import { applySplices } from "../sql/splice.ts";
import type { Splice } from "../sql/statement.ts";
import type { DatabaseCatalog } from "./database-catalog.ts";
import { planQueryString } from "./plan-statement.ts";
import type { PlannedStatement } from "./planned-statement.ts";
import type { Session } from "./session.ts";

const INT4 = 23;
const UNSPECIFIED = 0;
const ENTRIES_MAX = 2_000;
const SHAPES_MAX = 10_000;
const SIGN = Buffer.from("-");

interface HotStatement {
  readonly planned: PlannedStatement;
  readonly description: Buffer | undefined;
}

/** A hot statement with the literals of this execution. */
export interface HotRun {
  readonly planned: PlannedStatement;
  readonly run: Run;
  /** A server's error in terms of the text that the client wrote. */
  inOriginalTerms(error: PgError): PgError;
}

/** Texts of one skeleton. */
interface Shape {
  /** Which of their literals are parameters; undefined: one came, and was not looked at. */
  liftable: readonly Liftable[] | undefined;
  /** By circumstances and the literals that are not parameters. */
  readonly hot: Map<string, HotStatement>;
}

export class HotStatements {
  /** By skeleton. */
  private readonly shapes = new Map<string, Shape>();
  /** Hot statements of all shapes. */
  private entries = 0;

  find(circumstancesKey: string, text: Buffer): HotRun | undefined {
    if (this.entries === 0) return undefined;
    const skeleton = liftLiterals(text);
    const shape = skeleton && this.shapes.get(skeleton.key);
    if (shape?.liftable === undefined) return undefined;
    const hot = shape.hot.get(entryKey(circumstancesKey, skeleton!, text, shape.liftable));
    return hot && hotRun(hot, text, skeleton!.literals, shape.liftable);
  }

  /**
   * Before a statement runs as it is written: those of its skeleton that follow share a plan, true from the second on, or from the
   * first if it is wanted at once.
   */
  async learn(session: Session, text: Buffer, written: PlannedStatement, atOnce: boolean): Promise<boolean> {
    if (!isWorthIt(written)) return false;
    const skeleton = liftLiterals(text);
    if (skeleton === undefined || skeleton.literals.length === 0) return false;
    let shape = this.shapes.get(skeleton.key);
    if (shape === undefined) {
      if (this.shapes.size >= SHAPES_MAX) {
        this.shapes.clear();
        this.entries = 0;
      }
      this.shapes.set(skeleton.key, (shape = { liftable: undefined, hot: new Map() }));
      if (!atOnce) return false;
    }
    shape.liftable ??= liftableLiterals(written.statement.tree, text, skeleton.literals);
    if (shape.liftable.length === 0) return false;
    const circumstancesKey = session.hotCircumstances();
    const key = entryKey(circumstancesKey, skeleton, text, shape.liftable);
    const splices = parameterSplices(text, skeleton.literals, shape.liftable);
    const planned = await planWithParameters(session, applySplices(text, splices), shape.liftable, written);
    if (planned === undefined) {
      shape.liftable = [];
      return false;
    }
    if (this.entries >= ENTRIES_MAX) {
      for (const { hot } of this.shapes.values()) hot.clear();
      this.entries = 0;
    }
    this.entries++;
    const fields = planned.description?.fields;
    shape.hot.set(key, { planned, description: fields && rowDescription(fields, []) });
    return true;
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

/** Statements that run where their rows lie; what others cost does not lie in their planning. */
function isWorthIt({ plan, statement, ofItsMoment }: PlannedStatement): boolean {
  if (ofItsMoment === true || statement.offset !== 0) return false;
  if (plan?.kind === "read") return plan.direct;
  return plan?.kind === "write" && plan.command !== "WITH" && plan.command !== "MERGE";
}

async function planWithParameters(
  session: Session,
  text: Buffer,
  liftable: readonly Liftable[],
  written: PlannedStatement,
): Promise<PlannedStatement | undefined> {
  const types = liftable.map(({ kind }) => (kind === "integer" ? INT4 : UNSPECIFIED));
  try {
    const [planned] = await planQueryString(session, text, types, true);
    return planned !== undefined && isWorthIt(planned) && isSame(written, planned) ? planned : undefined;
  } catch (error) {
    if (error instanceof PgError && !(error instanceof GivenUp)) return undefined;
    throw error;
  }
}

/** Blanks around: what stands beside a literal may be a letter. */
function parameterSplices(
  text: Buffer,
  literals: readonly LiftedLiteral[],
  liftable: readonly Liftable[],
): Splice[] {
  return liftable.map((literal, i) => ({ ...rangeOf(literal, text, literals), text: ` $${i + 1} ` }));
}

function entryKey(
  circumstancesKey: string,
  skeleton: Skeleton,
  text: Buffer,
  liftable: readonly Liftable[],
): string {
  let key = circumstancesKey;
  if (liftable.length === skeleton.literals.length) return key;
  let next = 0;
  skeleton.literals.forEach((literal, i) => {
    if (liftable[next]?.index === i) next++;
    else key += `\0${text.toString("latin1", literal.start, literal.end)}`;
  });
  return key;
}

function hotRun(
  { planned, description }: HotStatement,
  text: Buffer,
  literals: readonly LiftedLiteral[],
  liftable: readonly Liftable[],
): HotRun {
  const values = liftable.map(({ index, negative }) => {
    const value = literalBytes(text, literals[index]!);
    return negative ? Buffer.concat([SIGN, value]) : value;
  });
  const bind: BindMessage = {
    portal: "",
    statement: "",
    tail: textBindTail(values),
    parameterFormats: [],
    values,
    resultFormats: [],
  };
  const run: Run = {
    bind,
    parameterTypes: planned.description!.parameterTypes,
    fields: planned.description!.fields,
    preface: new Preface(description),
    rowsMax: 0,
    portal: undefined,
  };
  return { planned, run, inOriginalTerms: (error) => inOriginalTerms(error, text, literals, liftable) };
}

/** What PostgreSQL says of a value that Bind did not take; of a literal it says where it stands. */
const OF_A_PARAMETER = /^unnamed portal parameter \$(\d+)(?: = .*)?$/s;

function inOriginalTerms(
  error: PgError,
  text: Buffer,
  literals: readonly LiftedLiteral[],
  liftable: readonly Liftable[],
): PgError {
  const { where, ...fields } = error.fields;
  const parameter = OF_A_PARAMETER.exec(where ?? "")?.[1];
  if (parameter !== undefined) {
    const at = rangeOf(liftable[Number(parameter) - 1]!, text, literals).start;
    return new PgError({ ...fields, position: charactersIn(text, 0, at) + 1 });
  }
  return clientError(error, { text, charactersBefore: 0 }, parameterSplices(text, literals, liftable));
}

function isSame(written: PlannedStatement, planned: PlannedStatement): boolean {
  if (written.plan?.kind !== planned.plan?.kind) return false;
  const before = written.description?.fields;
  const after = planned.description?.fields;
  if (before === undefined || after === undefined) return before === after;
  return sameFields(before, after);
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

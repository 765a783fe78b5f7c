/**
 * What a statement answered, as far as a client can see it: columns with their types and origins, rows as text, the whole
 * command tag, the error's fields, and the transaction state afterwards.
 */
import { ConnectionLostError, WireConnection, type Endpoint } from "../wire/connection.ts";
import {
  bind,
  copyData,
  copyDone,
  describe,
  execute,
  flush,
  parse,
  query,
  sync,
  type Frame,
} from "../wire/frames.ts";

export interface AnswerColumn {
  readonly name: string;
  /** Type with modifier as the server spells it: OIDs of user types differ between two servers. */
  type: string;
  /** table.attribute-number of a column that comes straight from a table, else "". */
  origin: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  readonly tableOid: number;
  readonly attribute: number;
}

export interface AnswerError {
  readonly sqlstate: string;
  readonly message: string;
  readonly detail: string;
  readonly hint: string;
  readonly position: string;
}

export interface Answer {
  columns: AnswerColumn[];
  readonly rows: (string | null)[][];
  tag: string;
  error: AnswerError | undefined;
  readonly notices: AnswerError[];
}

export interface Outcome {
  /** One per statement of the string. */
  readonly answers: Answer[];
  /** I, T or E; "-" when the connection was lost. */
  readonly state: string;
}

export type Protocol = "simple" | "extended";

/** ParameterStatus, notices and notifications come when they come; they begin no answer. */
const ASIDE = new Set(["S", "N", "A"]);

/** A statement without an answer after this time counts as a lost connection: one hanging statement must not stop the run. */
const ANSWER_TIMEOUT_MS = 40_000;

/** One client of one side of the comparison. */
export class OracleSession {
  readonly connection: WireConnection;
  readonly #names: TypeNames;

  constructor(connection: WireConnection, names: TypeNames) {
    this.connection = connection;
    this.#names = names;
  }

  async run(
    sql: string,
    protocol: Protocol = "simple",
    copyIn?: string,
    parameters: readonly (string | null)[] = [],
  ): Promise<Outcome> {
    const connection = this.connection;
    const timer = setTimeout(
      () => connection.socket.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)),
      ANSWER_TIMEOUT_MS,
    );
    try {
      const extended = protocol === "extended";
      if (extended) connection.send(parse("", sql), bind("", "", parameters), describe("P", ""), execute(""));
      else connection.send(query(sql));
      // A Sync that arrives during COPY FROM is ignored: there it follows the data.
      const syncLater = extended && copyIn !== undefined;
      if (extended) connection.send(syncLater ? flush() : sync());
      return await this.#collect(copyIn, syncLater);
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
      const answer = emptyAnswer();
      answer.error = { sqlstate: error.sqlstate, message: error.message, detail: "", hint: "", position: "" };
      return { answers: [answer], state: "-" };
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  async #collect(copyIn: string | undefined, syncLater: boolean): Promise<Outcome> {
    const answers: Answer[] = [];
    let current = emptyAnswer();
    let complete = true;
    const finish = (): void => {
      answers.push(current);
      current = emptyAnswer();
      complete = true;
    };
    for (;;) {
      const { type, body } = await this.connection.next();
      if (type === "T") current.columns = readColumns(body);
      if (type === "D") current.rows.push(readRow(body));
      if (type === "d") current.rows.push([body.toString()]);
      if (type === "N") current.notices.push(readError(body));
      if (type === "G") {
        this.connection.send(copyData(Buffer.from(copyIn ?? "")), copyDone());
        if (syncLater) this.connection.send(sync());
        syncLater = false;
      }
      if (syncLater && type === "E") this.connection.send(sync());
      if (type === "C") {
        current.tag = body.toString("utf8", 0, body.length - 1);
        finish();
      } else if (type === "I") {
        finish();
      } else if (type === "E") {
        current.error = readError(body);
        finish();
      } else if (type === "Z") {
        if (!complete) finish();
        await this.#names.resolve(answers.flatMap((answer) => answer.columns));
        return { answers, state: body.toString() };
      } else if (!ASIDE.has(type)) {
        complete = false;
      }
    }
  }
}

/** Names of types and tables by OID, asked over a connection of its own, since the session may be in a failed transaction. */
export class TypeNames {
  readonly #connection: WireConnection;
  readonly #types = new Map<string, string>();
  readonly #tables = new Map<number, string>();

  constructor(connection: WireConnection) {
    this.#connection = connection;
  }

  async resolve(columns: readonly AnswerColumn[]): Promise<void> {
    for (const column of columns) {
      const key = `${column.typeOid},${column.typeModifier}`;
      let type = this.#types.get(key);
      if (type === undefined) {
        type = await this.#ask(`SELECT format_type(${key})`);
        // What a transaction has not committed yet is invisible here ("???"): compared with nothing, remembered not at all.
        if (type !== "???") this.#types.set(key, type);
      }
      column.type = type;
      column.origin =
        column.tableOid === 0 ? "" : `${await this.#table(column.tableOid)}.${column.attribute}`;
    }
  }

  async #table(oid: number): Promise<string> {
    let name = this.#tables.get(oid);
    if (name === undefined) {
      name = await this.#ask(
        `SELECT coalesce((SELECT regexp_replace(n.nspname, '_[0-9]+$', '') || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ${oid}), '???')`,
      );
      if (name !== "???") this.#tables.set(oid, name);
    }
    return name;
  }

  async #ask(sql: string): Promise<string> {
    this.#connection.send(query(sql));
    const frames = await this.#connection.until("Z");
    const row = frames.find((arrived) => arrived.type === "D");
    return row ? (readRow(row.body)[0] ?? "") : "???";
  }
}

/** One side of the comparison: where it is, and how its types are called. */
export class OracleSide {
  readonly endpoint: Endpoint;
  readonly #names: TypeNames;
  readonly #namesConnection: WireConnection;
  /** Statements that every session runs first. */
  readonly #prelude: readonly string[];

  private constructor(endpoint: Endpoint, names: WireConnection, prelude: readonly string[]) {
    this.endpoint = endpoint;
    this.#namesConnection = names;
    this.#names = new TypeNames(names);
    this.#prelude = prelude;
  }

  static async open(endpoint: Endpoint, prelude: readonly string[] = []): Promise<OracleSide> {
    return new OracleSide(endpoint, await WireConnection.connect(endpoint), prelude);
  }

  async session(settings: Record<string, string> = {}): Promise<OracleSession> {
    const session = new OracleSession(await WireConnection.connect(this.endpoint, settings), this.#names);
    for (const sql of this.#prelude) {
      const outcome = await session.run(sql);
      const error = outcome.answers.find((answer) => answer.error)?.error;
      if (error) throw new Error(`${sql}: ${error.sqlstate} ${error.message}`);
    }
    return session;
  }

  async close(): Promise<void> {
    await this.#namesConnection.close();
  }
}

function emptyAnswer(): Answer {
  return { columns: [], rows: [], tag: "", error: undefined, notices: [] };
}

export function readColumns(body: Buffer): AnswerColumn[] {
  const count = body.readInt16BE(0);
  const columns: AnswerColumn[] = [];
  let at = 2;
  for (let index = 0; index < count; index++) {
    const end = body.indexOf(0, at);
    const name = body.toString("utf8", at, end);
    columns.push({
      name,
      type: "",
      origin: "",
      tableOid: body.readUInt32BE(end + 1),
      attribute: body.readInt16BE(end + 5),
      typeOid: body.readUInt32BE(end + 7),
      typeModifier: body.readInt32BE(end + 13),
    });
    at = end + 19;
  }
  return columns;
}

export function readRow(body: Buffer): (string | null)[] {
  const count = body.readInt16BE(0);
  const row: (string | null)[] = [];
  let at = 2;
  for (let index = 0; index < count; index++) {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) row.push(null);
    else {
      row.push(body.toString("utf8", at, at + length));
      at += length;
    }
  }
  return row;
}

export function readError(body: Buffer): AnswerError {
  const fields = new Map(
    body
      .toString()
      .split("\0")
      .map((text) => [text.slice(0, 1), text.slice(1)]),
  );
  const field = (code: string): string => fields.get(code) ?? "";
  return {
    sqlstate: field("C"),
    message: field("M"),
    detail: field("D"),
    hint: field("H"),
    position: field("P"),
  };
}

export function errorsOf(frames: readonly Frame[]): AnswerError[] {
  return frames.filter((arrived) => arrived.type === "E").map((arrived) => readError(arrived.body));
}

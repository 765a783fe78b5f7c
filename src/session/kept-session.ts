/**
 * What remains of a session when the process that serves it is killed, or lets go of it: who the client is, its settings and prepared
 * statements. Kept in the node's shared memory, written when it changes, so that another process can go on with the client. What lies on a
 * server's connection (transactions, temporary tables, cursors) ends with the process.
 */
import { deserialize, serialize } from "node:v8";
import type { Field } from "../protocol/backend-messages.ts";
import type { LastValues } from "../execute/write/last-values.ts";
import type { SharedDatabase } from "../shared-memory/shared-database.ts";
import type { PreparedStatement } from "./prepared-statement.ts";

/** A session's part without its prepared statements. */
export interface KeptState {
  readonly user: string;
  readonly database: string;
  /** Settings of the startup packet. */
  readonly options: ReadonlyMap<string, string>;
  readonly settings: ReadonlyMap<string, string>;
  /** What the client was told of its settings. */
  readonly reported: readonly (string | null)[];
  /** What currval() and lastval() are; known only of a session whose process has let go of it. */
  readonly lastValues?: LastValues;
}

export interface KeptStatement extends Pick<
  PreparedStatement,
  "name" | "text" | "declaredTypes" | "parameterTypes" | "preparedAt" | "source" | "fromSql"
> {
  readonly toldAt: number;
  /** The result columns, if the client was told. */
  readonly described: readonly Field[] | undefined;
}

const stateKey = (id: number): string => `${id}.`;
const statementPrefix = (id: number): string => `${id}:`;

export class KeptSession {
  private readonly database: SharedDatabase;
  private readonly id: number;
  private readonly nextWrite: () => number;
  /** False when the memory had no room for some of it: then the session ends with its process. */
  complete = true;

  /** `id`: the connection's number; `nextWrite`: the first byte of what will be written to the client next, counted from 1. */
  constructor(database: SharedDatabase, id: number, nextWrite: () => number = () => 0) {
    this.database = database;
    this.id = id;
    this.nextWrite = nextWrite;
  }

  keep(state: KeptState): void {
    this.put(stateKey(this.id), state);
  }

  keepStatement(prepared: PreparedStatement): void {
    const { name, text, declaredTypes, parameterTypes, preparedAt, source, fromSql } = prepared;
    prepared.toldAt ??= this.nextWrite();
    const kept: KeptStatement = {
      name,
      toldAt: prepared.toldAt,
      text,
      declaredTypes,
      parameterTypes,
      preparedAt,
      fromSql,
      ...(source === undefined ? {} : { source }),
      described: prepared.described === true ? prepared.planned?.description?.fields : undefined,
    };
    this.put(statementPrefix(this.id) + name, kept);
  }

  dropStatement(name: string): void {
    if (!this.database.remove(statementPrefix(this.id) + name)) this.complete = false;
  }

  dropStatements(): void {
    if (!this.database.removePrefix(statementPrefix(this.id))) this.complete = false;
  }

  /** The session is over. */
  end(): void {
    this.database.remove(stateKey(this.id));
    this.database.removePrefix(statementPrefix(this.id));
  }

  private put(key: string, value: object): void {
    if (!this.database.put(key, serialize(value))) this.complete = false;
  }
}

export interface RestoredSession {
  readonly state: KeptState;
  readonly statements: readonly KeptStatement[];
  /** Names of statements that were kept, but the process died before the client heard of them: for the client they are not there. */
  readonly unheard: readonly string[];
}

/** The same without its prepared statements. */
export function readKeptState(database: SharedDatabase, id: number): KeptState | undefined {
  const state = database.get(stateKey(id));
  return state && (deserialize(state) as KeptState);
}

/** `written`: bytes that the client was sent. Undefined: nothing is known of the session. */
export function readKept(database: SharedDatabase, id: number, written: number): RestoredSession | undefined {
  const state = readKeptState(database, id);
  if (state === undefined) return undefined;
  const kept = database
    .valuesWithPrefix(statementPrefix(id))
    .map((value) => deserialize(value) as KeptStatement);
  return {
    state,
    statements: kept.filter(({ toldAt }) => toldAt <= written),
    unheard: kept.filter(({ toldAt }) => toldAt > written).map(({ name }) => name),
  };
}

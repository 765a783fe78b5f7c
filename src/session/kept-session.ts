/**
 * What remains of a session when the process that serves it is killed: who the client is, its settings and prepared statements. Kept in
 * the node's shared memory, written when it changes, so that another process can go on with the client. What lies on a server's
 * connection (transactions, temporary tables, cursors) ends with the process.
 */
import { deserialize, serialize } from "node:v8";
import type { Field } from "../protocol/backend-messages.ts";
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
}

export interface KeptStatement extends Pick<
  PreparedStatement,
  "name" | "text" | "declaredTypes" | "parameterTypes" | "preparedAt" | "source" | "fromSql"
> {
  /** The result columns, if the client was told. */
  readonly described: readonly Field[] | undefined;
}

const stateKey = (id: number): string => `${id}.`;
const statementPrefix = (id: number): string => `${id}:`;

export class KeptSession {
  private readonly database: SharedDatabase;
  private readonly id: number;
  /** False when the memory had no room for some of it: then the session ends with its process. */
  complete = true;

  /** `id`: the connection's number. */
  constructor(database: SharedDatabase, id: number) {
    this.database = database;
    this.id = id;
  }

  keep(state: KeptState): void {
    this.put(stateKey(this.id), state);
  }

  keepStatement(prepared: PreparedStatement): void {
    const { name, text, declaredTypes, parameterTypes, preparedAt, source, fromSql } = prepared;
    const kept: KeptStatement = {
      name,
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
}

/** The same without its prepared statements. */
export function readKeptState(database: SharedDatabase, id: number): KeptState | undefined {
  const state = database.get(stateKey(id));
  return state && (deserialize(state) as KeptState);
}

/** Undefined: nothing is known of the session. */
export function readKept(database: SharedDatabase, id: number): RestoredSession | undefined {
  const state = readKeptState(database, id);
  if (state === undefined) return undefined;
  return {
    state,
    statements: database
      .valuesWithPrefix(statementPrefix(id))
      .map((value) => revive(deserialize(value) as KeptStatement)),
  };
}

/** Buffers come back as plain byte arrays. */
function revive(kept: KeptStatement): KeptStatement {
  const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
  return {
    ...kept,
    text: buffer(kept.text),
    ...(kept.source === undefined ? {} : { source: buffer(kept.source) }),
    described: kept.described?.map((field) => ({ ...field, name: buffer(field.name) })),
  };
}

/** A statement that a client has prepared, by Parse or by PREPARE: it stays what it was, and is planned again when the catalog or the search path has changed. */
import type { Field } from "../protocol/backend-messages.ts";
import type { PlannedStatement } from "./planned-statement.ts";

export interface PreparedStatement {
  readonly name: string;
  /** The text, in the client's bytes. */
  readonly text: Buffer;
  /** Declared parameter types; 0 = to be inferred. */
  readonly declaredTypes: readonly number[];
  /** Undefined for an empty query string. */
  planned: PlannedStatement | undefined;
  /** Key of the session's settings under which it was planned last. */
  circumstances: string;
  /** Types that were described at first: they stay. */
  readonly parameterTypes: readonly number[];
  readonly preparedAt: Date;
  /** The PREPARE statement as the client wrote it, where it is one. */
  readonly source?: Buffer;
  /** PREPARE, for pg_prepared_statements. */
  readonly fromSql: boolean;
  /** The client was told its result columns. */
  described?: true;
  /** The client has heard of it when it has been sent this many bytes; set when it is kept first. */
  toldAt?: number;
  /** It comes from another process, and is planned at its first use. `fields`: the result columns, if the client was told. */
  unplanned?: { readonly fields: readonly Field[] | undefined };
}

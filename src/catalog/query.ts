/**
 * How this room reaches a server: a function given by the caller, which decides on connection, role and transaction.
 * Rows come in text format, in the order of the select list.
 */
export type Query = (
  sql: string,
  parameters?: readonly (string | null)[],
) => Promise<readonly (readonly (string | null)[])[]>;

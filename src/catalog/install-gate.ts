/**
 * The gate: how Pleiad does what only it may do (metadata, partitions) inside a transaction that belongs to a client's
 * role. Its functions run SQL as the internal superuser for whoever knows the server's secret, which is made here once,
 * can be read by superusers only, and travels as a bind parameter, so that no statement text ever shows it.
 */
import { createHash, randomBytes } from "node:crypto";
import { quoteLiteral } from "../sql/quote.ts";
import { keepOutOfDumps } from "./keep-out-of-dumps.ts";
import type { Query } from "./query.ts";

const SECRET_BYTES = 24;

const SQL = `
CREATE SCHEMA IF NOT EXISTS pleiad;
GRANT USAGE ON SCHEMA pleiad TO PUBLIC;
CREATE TABLE IF NOT EXISTS pleiad.gate (secret text NOT NULL);
REVOKE ALL ON pleiad.gate FROM PUBLIC;
COMMENT ON TABLE pleiad.gate IS 'What a coordinator must know to pass the gate of this server.';

CREATE OR REPLACE FUNCTION pleiad.gate_execute(sql text, secret text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  IF NOT EXISTS (SELECT FROM pleiad.gate g WHERE g.secret = gate_execute.secret) THEN
    RAISE insufficient_privilege USING MESSAGE = 'permission denied for function gate_execute';
  END IF;
  EXECUTE sql;
END $body$;
COMMENT ON FUNCTION pleiad.gate_execute(text, text) IS 'Runs statements as Pleiad''s own role; for coordinators only.';

-- One text per row, the row in the form of a composite value: every column in the output form of its type.
CREATE OR REPLACE FUNCTION pleiad.gate_rows(sql text, secret text) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  r record;
BEGIN
  IF NOT EXISTS (SELECT FROM pleiad.gate g WHERE g.secret = gate_rows.secret) THEN
    RAISE insufficient_privilege USING MESSAGE = 'permission denied for function gate_rows';
  END IF;
  FOR r IN EXECUTE sql LOOP
    RETURN NEXT r::text;
  END LOOP;
END $body$;
COMMENT ON FUNCTION pleiad.gate_rows(text, text) IS 'Runs a query as Pleiad''s own role; for coordinators only.';

-- Within COPY nothing can be a bind parameter: a pass is shown that the secret has made, for this query on this connection only.
CREATE OR REPLACE FUNCTION pleiad.gate_read(sql text, pass text) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pleiad.gate g,
      LATERAL (SELECT encode(sha256(convert_to(g.secret || ' ' || pg_backend_pid() || ' ' || sql, 'UTF8')), 'hex')) AS i (inner_hash)
    WHERE encode(sha256(convert_to(g.secret || ' ' || inner_hash, 'UTF8')), 'hex') = pass
  ) THEN
    RAISE insufficient_privilege USING MESSAGE = 'permission denied for function gate_read';
  END IF;
  RETURN QUERY EXECUTE sql;
END $body$;
COMMENT ON FUNCTION pleiad.gate_read(text, text) IS 'Runs a query as Pleiad''s own role; for coordinators only.';
`;

/**
 * Installs or completes the gate in one database and gives the secret in force there. `query` runs as the internal
 * superuser; `secret` is that of the server's other databases, if there is one already. The last step of every installation.
 */
export async function installGate(query: Query, secret?: string): Promise<string> {
  await query(`SET client_min_messages = warning; ${SQL}; RESET client_min_messages`);
  await keepOutOfDumps(query);
  const wanted = secret ?? randomBytes(SECRET_BYTES).toString("base64url");
  await query(
    `INSERT INTO pleiad.gate (secret) SELECT ${quoteLiteral(wanted)} WHERE NOT EXISTS (SELECT FROM pleiad.gate)`,
  );
  if (secret !== undefined)
    await query(
      `UPDATE pleiad.gate SET secret = ${quoteLiteral(secret)} WHERE secret <> ${quoteLiteral(secret)}`,
    );
  return (await readGateSecret(query))!;
}

/** What lets this query through pleiad.gate_read() on the connection whose server process has this id; shows nothing of the secret. */
export function gatePass(secret: string, processId: number, sql: string): string {
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
  return hash(`${secret} ${hash(`${secret} ${processId} ${sql}`)}`);
}

/** The secret of a database that has the gate; undefined where it was not installed. */
export async function readGateSecret(query: Query): Promise<string | undefined> {
  const [there] = await query("SELECT pg_catalog.to_regclass('pleiad.gate') IS NOT NULL");
  if (there?.[0] !== "t") return undefined;
  return (await query("SELECT secret FROM pleiad.gate"))[0]?.[0] ?? undefined;
}

/** What the catalog node knows of the roles that clients log in as: PostgreSQL's own passwords, never a copy. */
import { createHash } from "node:crypto";
import type { Pools } from "../backend/pool.ts";
import type { AuthenticationSetup } from "./client-authentication.ts";

const AUTHENTICATION_DATABASE = "postgres";

/** Rows of a query by Pleiad's own role on the catalog node. */
async function ask(pools: Pools, internalRole: string, sql: string): Promise<(string | null)[][]> {
  const connection = await pools.take("catalog", internalRole, AUTHENTICATION_DATABASE);
  try {
    return await connection.query(sql);
  } finally {
    pools.give(connection);
  }
}

export function roleLogins(pools: Pools, internalRole: string): AuthenticationSetup["lookupVerifier"] {
  return async (user) => {
    // The internal role is nobody's login: whoever may use it is on the host and has the servers' sockets.
    if (user === internalRole) return undefined;
    const hex = Buffer.from(user).toString("hex");
    const [row] = await ask(
      pools,
      internalRole,
      `SELECT rolpassword, rolcanlogin, extract(epoch FROM rolvaliduntil) FROM pg_catalog.pg_authid WHERE rolname = convert_from('\\x${hex}', 'UTF8')`,
    );
    if (row === undefined) return undefined;
    const until = row[2];
    return {
      verifier: row[0] ?? null,
      canLogin: row[1] === "t",
      validUntil: until === null || until === undefined || until === "Infinity" ? undefined : new Date(Number(until) * 1000),
    };
  };
}

/** The same bytes at every start of this cluster, known to nobody outside. */
export async function clusterSecret(pools: Pools, internalRole: string): Promise<Buffer> {
  const [row] = await ask(
    pools,
    internalRole,
    "SELECT c.system_identifier, (SELECT string_agg(rolpassword, '' ORDER BY rolname) FROM pg_catalog.pg_authid WHERE rolname = current_user) FROM pg_control_system() c",
  );
  return createHash("sha256").update(`${row![0]}\0${row![1] ?? ""}`).digest();
}

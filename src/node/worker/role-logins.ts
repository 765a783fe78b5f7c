/** What the catalog node knows of the roles that clients log in as: PostgreSQL's own passwords, never a copy. */
import type { Pools } from "../../backend/pool.ts";
import type { AuthenticationSetup } from "./client-authentication.ts";

const AUTHENTICATION_DATABASE = "postgres";

/** Rows of a query by Pleiad's own role on the catalog node. */
function ask(pools: Pools, internalRole: string, sql: string): Promise<(string | null)[][]> {
  return pools.during("catalog", internalRole, AUTHENTICATION_DATABASE, (connection) =>
    connection.query(sql),
  );
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
      validUntil: validUntil(until),
    };
  };
}

/** Seconds since 1970, Infinity or -Infinity, or none. */
function validUntil(seconds: string | null | undefined): Date | undefined {
  if (seconds === null || seconds === undefined || seconds === "Infinity") return undefined;
  return seconds === "-Infinity" ? new Date(0) : new Date(Number(seconds) * 1000);
}

/**
 * The settings of a client's session (SET, startup options), and the SQL that puts them in force on a backend
 * connection. Immutable: a change makes a new object, so a transaction can go back to what was before.
 */
import { createHash } from "node:crypto";
import { quoteLiteral } from "../sql/quote.ts";

export class SessionSettings {
  /** Values by lower-case name, in the form that set_config() takes. "role" and "session_authorization" are among them. */
  readonly values: ReadonlyMap<string, string>;
  private cachedKey: string | undefined;
  private cachedMeaningKey: string | undefined;
  private cachedCustomNames: readonly string[] | undefined;
  private cachedSql: string | undefined;

  constructor(values: ReadonlyMap<string, string>) {
    this.values = values;
  }

  get(name: string): string | undefined {
    return this.values.get(name);
  }

  with(name: string, value: string | undefined): SessionSettings {
    if (this.values.get(name) === value) return this;
    const values = new Map(this.values);
    if (value === undefined) values.delete(name);
    else values.set(name, value);
    return new SessionSettings(values);
  }

  /** The same without role and session authorization: for connections of Pleiad's own role. */
  withoutIdentity(): SessionSettings {
    return this.with("role", undefined).with("session_authorization", undefined);
  }

  /** Custom settings (app.tenant) among them: what a server never forgets once it has been set. */
  get customNames(): readonly string[] {
    this.cachedCustomNames ??= [...this.values.keys()].filter(isCustom);
    return this.cachedCustomNames;
  }

  /** As PostgreSQL does at RESET or the end of SET LOCAL: a custom setting that was there before stays, empty. */
  keepingCustomOf(before: SessionSettings): SessionSettings {
    return before.customNames.reduce<SessionSettings>(
      (settings, name) => (settings.get(name) === undefined ? settings.with(name, "") : settings),
      this,
    );
  }

  /** Equal keys: a text means the same. Limits and names that are only reported do not count. */
  get meaningKey(): string {
    this.cachedMeaningKey ??= fingerprint([...this.values].filter(([name]) => !MEANINGLESS.test(name)));
    return this.cachedMeaningKey;
  }

  /** Equal keys: equal settings. The empty settings have the empty key. */
  get key(): string {
    this.cachedKey ??= fingerprint([...this.values]);
    return this.cachedKey;
  }

  /** SQL that turns any session on a server into one with exactly these settings. */
  get sql(): string {
    if (this.cachedSql === undefined) {
      // Identity first: RESET ALL leaves role and session authorization alone, and the rest is set with the client's rights.
      const parts = ["SET SESSION AUTHORIZATION DEFAULT", "RESET ALL"];
      const calls: string[] = [];
      let identity: string[] = [];
      for (const [name, value] of this.values) {
        if (name === "session_authorization")
          identity = [`SET SESSION AUTHORIZATION ${quoteLiteral(value)}`, ...identity];
        else if (name === "role")
          identity = [...identity, value === "none" ? "SET ROLE NONE" : `SET ROLE ${quoteLiteral(value)}`];
        else calls.push(`pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false)`);
      }
      if (calls.length > 0) parts.push(`SELECT ${calls.join(", ")}`);
      this.cachedSql = [...parts, ...identity].join("; ");
    }
    return this.cachedSql;
  }
}

const MEANINGLESS = /^(?:application_name|client_min_messages|.*_timeout)$/;
/** Prefixes that belong to libraries: their settings are no mere placeholders. */
const LIBRARIES = /^(?:plpgsql|auto_explain|pg_stat_statements|pg_trgm)\./;

export function isCustom(name: string): boolean {
  return name.includes(".") && !LIBRARIES.test(name);
}

function fingerprint(entries: readonly (readonly [string, string])[]): string {
  if (entries.length === 0) return "";
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("base64");
}

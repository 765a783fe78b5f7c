/** ParameterStatus: what the client is told of its session's settings, at the start and whenever one of them changes (row S10). */
import { parameterStatus } from "../protocol/backend-messages.ts";
import type { Session } from "./session.ts";

/** Settings that PostgreSQL 18 reports (GUC_REPORT): https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-ASYNC */
const REPORTED = [
  "application_name",
  "client_encoding",
  "DateStyle",
  "default_transaction_read_only",
  "in_hot_standby",
  "integer_datetimes",
  "IntervalStyle",
  "is_superuser",
  "scram_iterations",
  "search_path",
  "server_encoding",
  "server_version",
  "session_authorization",
  "standard_conforming_strings",
  "TimeZone",
] as const;

/** Behind what is reported, for Pleiad's own use: statement_timeout in ms, and whether answers may come from the result cache. */
const SHOW_SQL = `SELECT ${REPORTED.map((name) => `current_setting('${name}', true)`).join(", ")},
  (extract(epoch FROM current_setting('statement_timeout')::pg_catalog.interval) * 1000)::pg_catalog.int8,
  current_setting('pleiad.result_cache', true)`;

export class ReportedParameters {
  private readonly session: Session;
  private sent: (string | null)[] = [];
  private resultCache = false;

  constructor(session: Session) {
    this.session = session;
  }

  async sendAll(): Promise<void> {
    await this.sendChanged();
  }

  /** The session's statement_timeout; 0: none. */
  get statementTimeoutMs(): number {
    return Number(this.sent[REPORTED.length] ?? 0);
  }

  /** The session's pleiad.result_cache; also by a rule for its role or database. */
  get usesResultCache(): boolean {
    return this.resultCache;
  }

  /** What the client was told last. */
  get told(): readonly (string | null)[] {
    return this.sent;
  }

  /** Another process has told the client. */
  wereTold(values: readonly (string | null)[]): void {
    this.remember([...values]);
  }

  private remember(values: (string | null)[]): void {
    this.sent = values;
    this.resultCache = /^(?:on|true|yes|1)$/i.test(values[REPORTED.length + 1] ?? "");
  }

  /** Asks the catalog node, under the session's settings, and tells the client what is new. */
  async sendChanged(): Promise<void> {
    const { transaction, output } = this.session;
    const joined = transaction.participant("catalog");
    const lease = await (joined === undefined
      ? transaction.leaseApart("catalog")
      : transaction.lease("catalog", false));
    try {
      const [values] = await lease.connection.query(SHOW_SQL);
      if (lease.preludeError !== undefined) throw lease.preludeError;
      REPORTED.forEach((name, i) => {
        const value = values![i]!;
        if (value !== null && value !== this.sent[i]) output.push(parameterStatus(name, value));
      });
      this.remember(values!);
    } finally {
      lease.release();
    }
  }
}

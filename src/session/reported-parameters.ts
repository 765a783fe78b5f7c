/** ParameterStatus: what the client is told of its session's settings, at the start and whenever one of them changes (row S10). */
import { parameterStatus } from "../protocol/backend-messages.ts";
import { SessionSettings } from "../transaction/settings.ts";
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

const SHOW_SQL = `SELECT ${REPORTED.map((name) => `current_setting('${name}', true)`).join(", ")}`;
/** Settings of this session, in a form that set_config() takes. */
const SETTINGS_SQL = "SELECT name, setting FROM pg_catalog.pg_settings WHERE source = 'session'";

export class ReportedParameters {
  private readonly session: Session;
  private sent: (string | null)[] = [];

  constructor(session: Session) {
    this.session = session;
  }

  async sendAll(): Promise<void> {
    await this.sendChanged();
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
      values!.forEach((value, i) => {
        if (value !== null && value !== this.sent[i]) output.push(parameterStatus(REPORTED[i]!, value));
      });
      this.sent = values!;
    } finally {
      lease.release();
    }
  }

  /** After set_config() in a SELECT: the catalog node's session knows what the settings are now. */
  async takeOver(): Promise<void> {
    const { transaction } = this.session;
    const lease = await transaction.lease("catalog", false);
    try {
      const rows = await lease.connection.query(SETTINGS_SQL);
      const values = new Map(rows.map((row) => [row[0]!.toLowerCase(), row[1] ?? ""] as const));
      for (const name of ["role", "session_authorization"]) {
        const value = transaction.settings.get(name);
        if (value !== undefined) values.set(name, value);
      }
      const settings = new SessionSettings(values);
      transaction.changeSettings(settings, false);
      lease.connection.settingsKey = settings.key;
    } finally {
      lease.release();
    }
    await this.sendChanged();
  }
}

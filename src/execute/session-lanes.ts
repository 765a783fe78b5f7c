/** The shared pipelines in which a session's statements may travel: others as soon as its settings are. */
import type { Lanes, Multiplexer, SharedConnection } from "../backend/multiplexer.ts";
import type { SessionTransaction } from "../transaction/session-transaction.ts";
import type { SessionSettings } from "../transaction/settings.ts";

export class SessionLanes {
  private readonly multiplexer: Multiplexer;
  private readonly transaction: SessionTransaction;
  private settings: SessionSettings | undefined;
  private lanes: Lanes | undefined;

  constructor(multiplexer: Multiplexer, transaction: SessionTransaction) {
    this.multiplexer = multiplexer;
    this.transaction = transaction;
  }

  /** A connection whose pipeline takes one more statement; undefined: the session takes one of its own. */
  pick(node: string): SharedConnection | undefined {
    const { settings } = this.transaction;
    if (this.lanes === undefined || this.lanes.ended || settings !== this.settings) this.look(settings);
    return this.lanes?.pick(node);
  }

  /** A statement that was in a shared pipeline runs again elsewhere. */
  countRunAgain(): void {
    this.multiplexer.runAgain++;
  }

  private look(settings: SessionSettings): void {
    this.settings = settings;
    this.lanes = this.multiplexer.lanesFor({
      user: this.transaction.user,
      database: this.transaction.database,
      settingsKey: settings.key,
      settingsSql: settings.sql,
      customSettings: settings.customNames,
    });
  }
}

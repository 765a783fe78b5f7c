/**
 * The settings of a session while transactions come and go: what is in force now, what comes back when the transaction is
 * rolled back, and what remains when it is committed (SET LOCAL goes with either).
 */
import type { SessionSettings } from "./settings.ts";

/** As it was when a savepoint was set. */
export interface SettingsMark {
  readonly now: SessionSettings;
  readonly afterCommit: SessionSettings;
}

export class SettingsInForce {
  private current: SessionSettings;
  private atBegin: SessionSettings;
  private afterCommit: SessionSettings;

  constructor(settings: SessionSettings) {
    this.current = settings;
    this.atBegin = settings;
    this.afterCommit = settings;
  }

  get now(): SessionSettings {
    return this.current;
  }

  /** A change outside of any transaction. */
  replace(settings: SessionSettings): void {
    this.current = settings;
    this.atBegin = settings;
    this.afterCommit = settings;
  }

  /** A change within a transaction; of SET (not local) only the setting `name` remains after COMMIT, all of them if none is named. */
  change(settings: SessionSettings, local: boolean, name: string | undefined): void {
    this.current = settings;
    if (local) return;
    this.afterCommit = name === undefined ? settings : this.afterCommit.with(name, settings.get(name));
  }

  get mark(): SettingsMark {
    return { now: this.current, afterCommit: this.afterCommit };
  }

  /** ROLLBACK TO SAVEPOINT; true when what is in force has changed. */
  backTo(mark: SettingsMark): boolean {
    const undone = this.current;
    this.current = mark.now.keepingCustomOf(undone);
    this.afterCommit = mark.afterCommit;
    return this.current !== undone;
  }

  /** The transaction has ended; true when connections that took part in it may have other settings than those that are in force now. */
  end(committed: boolean): boolean {
    const before = this.current;
    const remaining = (committed ? this.afterCommit : this.atBegin).keepingCustomOf(before);
    const changed = before !== this.atBegin || remaining !== before;
    this.replace(remaining);
    return changed;
  }
}

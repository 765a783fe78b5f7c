/**
 * Whom a CancelRequest means: process id and secret, as a session told them to its client in BackendKeyData, to what cancels that
 * session's statement. The id only finds the entry; the secret is what gives the right.
 */
import { randomBytes, randomInt, timingSafeEqual } from "node:crypto";

export interface CancelRegistration {
  /** Positive, and no other live session's. */
  readonly pid: number;
  /** 4 bytes on protocol 3.0, 32 on 3.2. */
  readonly key: Buffer;
  /** The session is over: its key opens nothing any more. */
  release(): void;
}

const int32Max = 0x7fffffff;

export class CancelRegistry {
  private readonly entries = new Map<number, { readonly key: Buffer; readonly cancel: () => void }>();
  private readonly pidMax: number;
  private nextPid: number;

  /** `pidMax` is smaller in tests. Ids start anywhere, so that a key from before a restart rarely finds an entry. */
  constructor(pidMax: number = int32Max) {
    this.pidMax = pidMax;
    this.nextPid = randomInt(1, pidMax + 1);
  }

  register(protocolMinor: 0 | 2, cancel: () => void): CancelRegistration {
    while (this.entries.has(this.nextPid)) this.advance();
    const pid = this.nextPid;
    this.advance();
    const entry = { key: randomBytes(protocolMinor === 0 ? 4 : 32), cancel };
    this.entries.set(pid, entry);
    return {
      pid,
      key: entry.key,
      release: () => {
        // A second release must not take the entry of the session that got the number afterwards.
        if (this.entries.get(pid) === entry) this.entries.delete(pid);
      },
    };
  }

  /** Whether it was somebody's; the asking client is never told. */
  cancel(pid: number, key: Buffer): boolean {
    const entry = this.entries.get(pid);
    if (entry === undefined || entry.key.length !== key.length || !timingSafeEqual(entry.key, key)) {
      return false;
    }
    entry.cancel();
    return true;
  }

  private advance(): void {
    this.nextPid = this.nextPid >= this.pidMax ? 1 : this.nextPid + 1;
  }
}

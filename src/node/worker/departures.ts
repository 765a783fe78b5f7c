/** Sessions that another worker is to go on with: each goes as soon as it stands between two messages, with nothing begun. */
import type { Session } from "../../session/session.ts";

/** A slow reader, or what a server still holds, is no message: it is looked again after so long. */
const LOOK_AGAIN_MS = 50;

export class Departures {
  /** False: not now. */
  private readonly letGo: (id: number) => boolean;
  private readonly wanted = new Map<number, Session>();
  private all = false;
  private looking: NodeJS.Timeout | undefined;

  constructor(letGo: (id: number) => boolean) {
    this.letGo = letGo;
  }

  want(session: Session): void {
    if (session.isEnded) return;
    const id = session.client.processId;
    this.wanted.set(id, session);
    session.messages.whenIdle = () => this.look(id);
    this.looking ??= setInterval(() => this.lookAtAll(), LOOK_AGAIN_MS);
    this.look(id);
  }

  /** These, and all that begin from now on. */
  wantAll(sessions: Iterable<Session>): void {
    this.all = true;
    for (const session of sessions) this.want(session);
  }

  began(session: Session): void {
    if (this.all) this.want(session);
  }

  ended(id: number): void {
    this.wanted.delete(id);
  }

  private look(id: number): void {
    if (this.wanted.has(id) && this.letGo(id)) this.wanted.delete(id);
  }

  private lookAtAll(): void {
    for (const id of this.wanted.keys()) this.look(id);
    if (this.wanted.size > 0) return;
    clearInterval(this.looking);
    this.looking = undefined;
  }
}

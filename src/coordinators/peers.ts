/** The other coordinators as this one sees them: what they have seen, and since when they are silent, on this node's own clock. */
import type { RegisteredCoordinator } from "./registry.ts";

/** Longer than a lease: whoever is silent for so long trusts nothing of what it knows any more. */
const SILENT_MS_MAX = 12_000;

interface Peer {
  readonly coordinator: RegisteredCoordinator;
  /** When its last renewal was noticed. */
  readonly since: number;
}

export class Peers {
  private peers: readonly Peer[] = [];

  look(coordinators: readonly RegisteredCoordinator[], nowMs: number): void {
    this.peers = coordinators.map((coordinator) => {
      const known = this.peers.find((peer) => peer.coordinator.epoch === coordinator.epoch);
      const silent = known?.coordinator.renewed === coordinator.renewed;
      return { coordinator, since: silent ? known.since : nowMs };
    });
  }

  /** Do all act on announcements up to this change? */
  haveSeen(change: number): boolean {
    return this.peers.every(({ coordinator }) => coordinator.seen >= change);
  }

  silent(nowMs: number): RegisteredCoordinator[] {
    return this.peers
      .filter(({ since }) => nowMs - since > SILENT_MS_MAX)
      .map(({ coordinator }) => coordinator);
  }
}

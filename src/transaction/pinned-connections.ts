/**
 * Backend connections that hold something of one session which ends with the connection: advisory locks of the session,
 * LISTEN, the last values of sequences. From the pool they are taken once and never given back: when the session ends they
 * are closed, and the server clears up.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { pgError } from "../errors/pg-error.ts";

export class PinnedConnections {
  private readonly byNode = new Map<string, BackendConnection>();

  get isEmpty(): boolean {
    return this.byNode.size === 0;
  }

  has(connection: BackendConnection): boolean {
    return this.byNode.get(connection.server.name) === connection;
  }

  /** Throws, once, when the connection was lost and with it what it held. */
  get(node: string): BackendConnection | undefined {
    const connection = this.byNode.get(node);
    if (connection === undefined || !connection.closed) return connection;
    this.byNode.delete(node);
    throw pgError("08006", `the connection to node "${node}" that belonged to this session was lost`, {
      detail: "Its temporary tables, advisory locks, LISTEN and the last values of sequences went with it.",
    });
  }

  add(connection: BackendConnection): void {
    this.byNode.set(connection.server.name, connection);
  }

  remove(node: string): BackendConnection | undefined {
    const connection = this.byNode.get(node);
    if (connection !== undefined) connection.onNotification = undefined;
    this.byNode.delete(node);
    return connection;
  }

  closeAll(): void {
    for (const connection of this.byNode.values()) {
      connection.onNotification = undefined;
      connection.close();
    }
    this.byNode.clear();
  }
}

/**
 * A statement that reads the catalogs beside users' tables runs on the catalog node, over temporary tables that hold those tables'
 * rows: the catalogs must not show them. So the statement runs under a snapshot from before they were made. Their rows are
 * visible in it all the same, since COPY FREEZE has written them.
 */
import type { BackendConnection } from "../backend/backend-connection.ts";
import { preludeDone, type Lease } from "../transaction/lease.ts";
import type { WorkplaceContext } from "./run.ts";

export class CatalogSnapshot {
  private readonly lease: Lease;
  private readonly id: string;

  private constructor(lease: Lease, id: string) {
    this.lease = lease;
    this.id = id;
  }

  /** Held open by a connection of its own. Release it. */
  static async take(context: WorkplaceContext): Promise<CatalogSnapshot> {
    const lease = await context.transaction.leaseApart("catalog");
    try {
      await preludeDone(lease);
      const [row] = await lease.connection.query(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_catalog.pg_export_snapshot()",
      );
      return new CatalogSnapshot(lease, row![0]!);
    } catch (error) {
      lease.connection.destroy("no snapshot");
      lease.release();
      throw error;
    }
  }

  /** Commits what `connection` has made, and goes on there under this snapshot. */
  async adopt(connection: BackendConnection): Promise<void> {
    await connection.query("COMMIT");
    await connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE");
    await connection.query(`SET TRANSACTION SNAPSHOT '${this.id}'`);
  }

  async release(): Promise<void> {
    const { connection } = this.lease;
    if (!connection.closed)
      await connection.query("ROLLBACK").catch(() => connection.destroy("rollback failed"));
    this.lease.release();
  }
}

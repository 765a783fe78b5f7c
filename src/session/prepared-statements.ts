/** A session's prepared statements by name, and what of them is kept for another process. */
import type { KeptSession, KeptStatement } from "./kept-session.ts";
import type { PreparedStatement } from "./prepared-statement.ts";

export class PreparedStatements {
  private readonly byName = new Map<string, PreparedStatement>();
  private readonly kept: KeptSession;
  /** Named ones that have changed since the last write to the client. */
  private readonly changed = new Set<string>();
  /**
   * The unnamed one is kept if the client did not use it at once: it may do so after its Sync. One that was bound before is most
   * often replaced by the next.
   */
  private unnamed: "none" | "new" | "bound" | "kept" = "none";
  private unnamedIsKept = false;

  constructor(kept: KeptSession) {
    this.kept = kept;
  }

  get(name: string): PreparedStatement | undefined {
    return this.byName.get(name);
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  values(): IterableIterator<PreparedStatement> {
    return this.byName.values();
  }

  set(prepared: PreparedStatement): void {
    this.byName.set(prepared.name, prepared);
    if (prepared.name === "") this.unnamed = "new";
    else this.changed.add(prepared.name);
  }

  /** The client was told its columns. */
  described(prepared: PreparedStatement): void {
    prepared.described = true;
    if (prepared.name !== "") this.changed.add(prepared.name);
  }

  /** A portal was made of it. */
  bound(name: string): void {
    if (name === "" && this.unnamed === "new") this.unnamed = "bound";
  }

  /** False: there is none of this name. */
  delete(name: string): boolean {
    if (!this.byName.delete(name)) return false;
    if (name === "") this.forgetUnnamed();
    else {
      this.changed.delete(name);
      this.kept.dropStatement(name);
    }
    return true;
  }

  clear(): void {
    this.byName.clear();
    this.changed.clear();
    this.kept.dropStatements();
    this.unnamed = "none";
    this.unnamedIsKept = false;
  }

  /** Before anything is written to the client: named ones of which it hears are kept. */
  settleNamed(): void {
    if (this.changed.size === 0) return;
    for (const name of this.changed) this.kept.keepStatement(this.byName.get(name)!);
    this.changed.clear();
  }

  /** Before ReadyForQuery: what the client may now rely on is kept. */
  settle(): void {
    this.settleNamed();
    if (this.unnamed === "new") {
      this.kept.keepStatement(this.byName.get("")!);
      this.unnamed = "kept";
      this.unnamedIsKept = true;
    } else if (this.unnamedIsKept && this.unnamed !== "kept") this.dropKeptUnnamed();
  }

  /** The session goes to another process, between two requests: the unnamed one too, whatever became of it. */
  keepUnnamed(): void {
    const unnamed = this.byName.get("");
    if (unnamed === undefined || this.unnamed === "kept") return;
    unnamed.toldAt = 0;
    this.kept.keepStatement(unnamed);
  }

  /** From another process. */
  restore({ described, ...statement }: KeptStatement): void {
    this.byName.set(statement.name, {
      ...statement,
      planned: undefined,
      circumstances: "",
      unplanned: { fields: described },
      ...(described === undefined ? {} : { described: true }),
    });
    if (statement.name === "") {
      this.unnamed = "kept";
      this.unnamedIsKept = true;
    }
  }

  private forgetUnnamed(): void {
    this.unnamed = "none";
    if (this.unnamedIsKept) this.dropKeptUnnamed();
  }

  private dropKeptUnnamed(): void {
    this.unnamedIsKept = false;
    this.kept.dropStatement("");
  }
}

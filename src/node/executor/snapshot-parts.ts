/** What tasks have told of the catalog, so that what is looked up for one of its versions (binary-values.ts) is looked up once. */
import type { UserType } from "../../catalog/snapshot.ts";
import type { DependentTask } from "../../execute/dependent-task.ts";
import type { SnapshotPart } from "../../execute/run.ts";

interface Known {
  readonly version: number;
  readonly dataNodes: SnapshotPart["dataNodes"];
  readonly userTypes: Map<number, UserType>;
}

export class SnapshotParts {
  private readonly byDatabase = new Map<string, Known>();

  /** The same object for all tasks of one version. */
  of({ database, version, snapshot }: DependentTask): SnapshotPart {
    let known = this.byDatabase.get(database);
    if (known?.version !== version) {
      known = { version, dataNodes: snapshot.dataNodes, userTypes: new Map() };
      this.byDatabase.set(database, known);
    }
    for (const [oid, type] of snapshot.userTypes) known.userTypes.set(oid, type);
    return known;
  }
}

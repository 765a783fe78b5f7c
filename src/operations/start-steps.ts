/** From what was found and what is wanted to the steps of a start, or a refusal. Pure: time and disk are not consulted. */
import type { ClusterRecord } from "./cluster-record.ts";
import type { ClusterSize, DataDirectoryObservation } from "./observe-data-directory.ts";
import { OperationError } from "./operation-error.ts";

export type StartStep =
  | { readonly do: "stop orphans"; readonly pids: readonly number[] }
  | { readonly do: "remove unfinished"; readonly paths: readonly string[] }
  /** An interrupted first start: nothing of a user can be in it. */
  | { readonly do: "remove instances" }
  | { readonly do: "record"; readonly record: ClusterRecord }
  | { readonly do: "create template" }
  | { readonly do: "create instances"; readonly names: readonly string[] }
  | { readonly do: "change owner"; readonly names: readonly string[] };

export interface StartPlan {
  readonly steps: readonly StartStep[];
  readonly size: ClusterSize;
  /** The cluster is being made: metadata is to be installed before clients come. */
  readonly firstStart: boolean;
  readonly warnings: readonly string[];
}

export interface StartWishes {
  readonly size: ClusterSize;
  /** Which of them somebody asked for; a default gives way to what is there. */
  readonly dataNodesExplicit: boolean;
  readonly computeNodesExplicit: boolean;
  readonly pgMajor: number;
  readonly runUid: number;
  readonly dataDirectory: string;
}

function refuseOtherSize(record: ClusterRecord, wishes: StartWishes): void {
  const differing = [
    {
      option: "data_nodes",
      asked: wishes.dataNodesExplicit,
      wanted: wishes.size.dataNodes,
      is: record.dataNodes,
    },
    {
      option: "compute_nodes",
      asked: wishes.computeNodesExplicit,
      wanted: wishes.size.computeNodes,
      is: record.computeNodes,
    },
  ].find(({ asked, wanted, is }) => asked && wanted !== is);
  if (differing) {
    throw new OperationError(
      `${differing.option} is ${differing.wanted}, but ${wishes.dataDirectory} was made with ${differing.is}`,
      `Leave ${differing.option} out to start it as it is, or choose another directory with --data.`,
    );
  }
}

function firstStart(found: DataDirectoryObservation, wishes: StartWishes): StartPlan {
  const record: ClusterRecord = { format: 1, state: "making", ...wishes.size, pgMajor: wishes.pgMajor };
  const names = ["catalog"];
  for (let n = 1; n <= wishes.size.dataNodes; n++) names.push(`dn${n}`);
  for (let n = 1; n <= wishes.size.computeNodes; n++) names.push(`cn${n}`);
  return {
    steps: [
      ...clearing(found),
      { do: "remove instances" },
      { do: "record", record },
      { do: "create template" },
      { do: "create instances", names },
    ],
    size: wishes.size,
    firstStart: true,
    warnings: warningsOf(found),
  };
}

function clearing(found: DataDirectoryObservation): StartStep[] {
  const steps: StartStep[] = [];
  if (found.orphans.length > 0) steps.push({ do: "stop orphans", pids: found.orphans });
  if (found.unfinished.length > 0) steps.push({ do: "remove unfinished", paths: found.unfinished });
  return steps;
}

function warningsOf(found: DataDirectoryObservation): string[] {
  return found.memoryUsable
    ? []
    : [
        "there is no /dev/shm of 512 MB or more here: compute nodes keep their intermediate results on disk, which is slower",
      ];
}

export function computeStart(found: DataDirectoryObservation, wishes: StartWishes): StartPlan {
  const { record } = found;
  if (record === undefined) {
    // Memory may still hold compute nodes of a cluster that somebody removed with rm.
    if ([...found.instances.values()].some((instance) => instance.exists && !instance.volatile)) {
      throw new OperationError(
        `${wishes.dataDirectory} holds servers, but its cluster.json is missing`,
        "Restore that file, or remove the directory if the data is not needed.",
      );
    }
    return firstStart(found, wishes);
  }
  if (record.state === "making") return firstStart(found, wishes);

  refuseOtherSize(record, wishes);
  if (record.pgMajor !== wishes.pgMajor) {
    throw new OperationError(
      `${wishes.dataDirectory} was made by PostgreSQL ${record.pgMajor}, and this is PostgreSQL ${wishes.pgMajor}`,
      `Start it with the programs of PostgreSQL ${record.pgMajor} (--pg-bin).`,
    );
  }
  const whole = [...found.instances.values()].filter((instance) => instance.major !== undefined);
  const missing = [...found.instances.values()].filter((instance) => instance.major === undefined);
  const lost = missing.find((instance) => !instance.name.startsWith("cn"));
  if (lost) {
    throw new OperationError(
      `the files of server ${lost.name} are ${lost.exists ? "not whole" : "missing"} in ${wishes.dataDirectory}`,
      "Restore the directory from a backup; Pleiad never replaces a data node by an empty one.",
    );
  }
  const steps = clearing(found);
  const others = whole.filter((instance) => instance.uid !== wishes.runUid).map((instance) => instance.name);
  if (others.length > 0) steps.push({ do: "change owner", names: others });
  if (missing.length > 0) {
    if (!found.template) steps.push({ do: "create template" });
    steps.push({ do: "create instances", names: missing.map((instance) => instance.name) });
  }
  return {
    steps,
    size: { dataNodes: record.dataNodes, computeNodes: record.computeNodes },
    firstStart: false,
    warnings: warningsOf(found),
  };
}

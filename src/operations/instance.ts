/** The instances (PostgreSQL servers) that a cluster of a given size consists of. */
import { join } from "node:path";
import type { Server } from "../config/topology.ts";
import type { ClusterPaths } from "./cluster-paths.ts";

export interface Instance {
  /** catalog, dn1, …, cn1, … */
  readonly name: string;
  readonly kind: Server["kind"];
  /** Names its socket, `.s.PGSQL.<port>`; no TCP port is opened. */
  readonly port: number;
  readonly socketDirectory: string;
  readonly pgdata: string;
  /** In memory: gone after a restart of the machine, and then made anew. */
  readonly volatile: boolean;
  /** What the server writes to stderr. */
  readonly log: string;
}

const firstPort = { catalog: 5000, data: 5100, compute: 5500 } as const;

export function planInstances(
  size: { readonly dataNodes: number; readonly computeNodes: number },
  paths: ClusterPaths,
  memoryUsable: boolean,
): Instance[] {
  const make = (kind: Server["kind"], name: string, n: number): Instance => {
    const volatile = kind === "compute" && memoryUsable;
    return {
      name,
      kind,
      port: firstPort[kind] + n,
      socketDirectory: paths.sockets,
      pgdata: join(volatile ? paths.memory : paths.instances, name),
      volatile,
      log: join(paths.logs, `${name}.log`),
    };
  };
  return [
    make("catalog", "catalog", 0),
    ...Array.from({ length: size.dataNodes }, (_, n) => make("data", `dn${n + 1}`, n + 1)),
    ...Array.from({ length: size.computeNodes }, (_, n) => make("compute", `cn${n + 1}`, n + 1)),
  ];
}

export function serverOf(instance: Instance): Server {
  return { name: instance.name, kind: instance.kind, host: instance.socketDirectory, port: instance.port };
}

/** How a client reaches a running cluster. */
import type { RunState } from "../operations/cluster-record.ts";

/** An address that a client can use: one that only means "all addresses" is none. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

export function connectionUrl(state: Pick<RunState, "coordinator">, database = "postgres"): string {
  const { host, port } = state.coordinator;
  return `postgresql://postgres@${reachable(host)}:${port}/${database}`;
}

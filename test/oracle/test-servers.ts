/** The servers that the cluster tests compare: one Pleiad and one plain PostgreSQL. */
import type { Endpoint } from "./wire/connection.ts";

export interface TestServers {
  readonly plain: Endpoint;
  readonly subject: Endpoint;
  stop(): Promise<void>;
}

export function startTestServers(): Promise<TestServers> {
  throw new Error("no servers: give --plain and --subject");
}

/** Opens the two sides that a command line or a test names, or starts both. */
import { OracleSide } from "./capture.ts";
import { loadOracleData, type Layout } from "./load.ts";
import { endpointOf, type Endpoint } from "../wire/connection.ts";

export interface SideOptions {
  readonly plain?: string | undefined;
  readonly subject?: string | undefined;
  readonly load?: boolean;
  /** The subject is a plain PostgreSQL too, with its rows in the opposite order and other plans: nothing may differ. */
  readonly reversed?: boolean;
  readonly layout?: string;
  /** Directory of the programs of both servers that are started here: any PostgreSQL that Pleiad runs on. */
  readonly "pg-bin"?: string | undefined;
}

export interface Sides {
  readonly plain: OracleSide;
  readonly subject: OracleSide;
  readonly layout: Layout;
  close(): Promise<void>;
}

/** Other plans than the default ones: what depends on the plan shows as a difference. */
const OTHER_PLANS = [
  "SET enable_hashjoin = off",
  "SET enable_hashagg = off",
  "SET enable_indexscan = off",
  "SET enable_bitmapscan = off",
  "SET enable_memoize = off",
  "SET from_collapse_limit = 1",
];

export function layoutOf(name: string | undefined): Layout {
  if (name === "none" || name === "scattered" || name === "mixed") return name;
  if (name === undefined) return "mixed";
  throw new Error(`no such layout: ${name} (mixed, scattered, none)`);
}

export async function openSides(options: SideOptions): Promise<Sides> {
  const layout = layoutOf(options.reversed ? "none" : options.layout);
  if (options.plain === undefined || options.subject === undefined) {
    const { startTestServers } = await import("./test-servers.ts");
    const servers = await startTestServers({
      pgBin: options["pg-bin"],
      set: { lift_literals: "always" },
    });
    return connectSides(servers.plain, servers.subject, { ...options, load: true }, layout, () =>
      servers.stop(),
    );
  }
  return connectSides(
    endpointOf(options.plain),
    endpointOf(options.subject),
    options,
    layout,
    async () => {},
  );
}

export async function connectSides(
  plainAt: Endpoint,
  subjectAt: Endpoint,
  options: SideOptions,
  layout: Layout,
  stop: () => Promise<void>,
): Promise<Sides> {
  const plain = await OracleSide.open(plainAt);
  const subject = await OracleSide.open(subjectAt, options.reversed ? OTHER_PLANS : []);
  const close = async (): Promise<void> => {
    await plain.close();
    await subject.close();
    await stop();
  };
  try {
    if (options.load) {
      await loadOracleData(plain, { layout: "none" });
      await loadOracleData(subject, { layout, reversed: options.reversed ?? false });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { plain, subject, layout, close };
}

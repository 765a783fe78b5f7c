/**
 * The servers that the cluster tests compare: one Pleiad and one plain PostgreSQL. With PLEIAD_TEST_SUBJECT=plain the subject
 * is another plain PostgreSQL: every test must pass then too, which shows that it compares what it says and nothing else.
 */
import { startPlainPostgres } from "../cluster/plain-postgres.ts";
import { startTestCluster, type TestCluster } from "../cluster/test-cluster.ts";
import { WireConnection, type Endpoint } from "../wire/connection.ts";
import { query } from "../wire/frames.ts";

export interface TestServers {
  readonly plain: Endpoint;
  readonly subject: Endpoint;
  /** Undefined when the subject is a plain PostgreSQL. */
  readonly cluster: TestCluster | undefined;
  /** The distribution clause for the subject, nothing where it is a plain PostgreSQL. */
  clause(text: string): string;
  /** A database of the same name on both. */
  database(name: string): Promise<{ plain: Endpoint; subject: Endpoint }>;
  stop(): Promise<void>;
}

export async function startTestServers(
  options: {
    readonly set?: Readonly<Record<string, string>>;
    /** Programs of another PostgreSQL than the one of npm, for both sides. */
    readonly pgBin?: string | undefined;
  } = {},
): Promise<TestServers> {
  const { pgBin } = options;
  const plain = await startPlainPostgres({ pgBin });
  try {
    const cluster =
      process.env["PLEIAD_TEST_SUBJECT"] === "plain" ? undefined : await startTestCluster(options);
    const other = cluster ? undefined : await startPlainPostgres({ pgBin });
    const client = (database: string): Endpoint => (cluster ?? other ?? plain).client({ database });
    return {
      plain: plain.client(),
      subject: client("postgres"),
      cluster,
      clause: (text) => (cluster ? ` ${text}` : ""),
      database: async (name) => {
        await Promise.all([createDatabase(plain.client(), name), createDatabase(client("postgres"), name)]);
        return { plain: plain.client({ database: name }), subject: client(name) };
      },
      stop: async () => {
        await cluster?.destroy();
        await other?.destroy();
        await plain.destroy();
      },
    };
  } catch (error) {
    await plain.destroy();
    throw error;
  }
}

async function createDatabase(at: Endpoint, name: string): Promise<void> {
  const connection = await WireConnection.connect(at);
  connection.send(query(`CREATE DATABASE ${name}`));
  const frames = await connection.until("Z");
  await connection.close();
  const error = frames.find((arrived) => arrived.type === "E");
  if (error) throw new Error(`CREATE DATABASE ${name}: ${error.body.toString().replaceAll("\0", " ")}`);
}

/** The servers that the cluster tests compare: one Pleiad and one plain PostgreSQL. */
import { startPlainPostgres } from "../cluster/plain-postgres.ts";
import { startTestCluster } from "../cluster/test-cluster.ts";
import { WireConnection, type Endpoint } from "./wire/connection.ts";
import { query } from "./wire/frames.ts";

export interface TestServers {
  readonly plain: Endpoint;
  readonly subject: Endpoint;
  /** A database of the same name on both. */
  database(name: string): Promise<{ plain: Endpoint; subject: Endpoint }>;
  stop(): Promise<void>;
}

export async function startTestServers(
  options: { readonly set?: Readonly<Record<string, string>> } = {},
): Promise<TestServers> {
  const plain = await startPlainPostgres();
  try {
    const subject = await startTestCluster(options);
    return {
      plain: plain.client(),
      subject: subject.client(),
      database: async (name) => {
        await Promise.all([createDatabase(plain.client(), name), createDatabase(subject.client(), name)]);
        return { plain: plain.client({ database: name }), subject: subject.client({ database: name }) };
      },
      stop: async () => {
        await subject.destroy();
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

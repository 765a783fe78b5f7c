/** Which statements have binary values with OIDs of types in them, and what is needed to give each side its own OIDs. */
import type { Field } from "../protocol/backend-messages.ts";
import { formatOf, type Formats } from "../protocol/frontend-messages.ts";
import { preludeDone, type Lease } from "../transaction/lease.ts";
import type { SnapshotPart, Run, WorkplaceContext } from "./run.ts";
import { mayHoldOids, OidTranslation } from "./translate-oids.ts";
import { loadTypeTable, type TypeTable } from "./type-table.ts";

/** How a result's columns are delivered. */
export interface ResultFormat {
  readonly fields: readonly Field[] | undefined;
  readonly formats: Formats;
}

/** What one server's share of a statement goes through. */
export interface BinaryValues {
  /** Bind's tail with the server's OIDs. */
  readonly tail: Buffer | undefined;
  /** Gives a row the catalog's OIDs, in place; undefined where rows have none. */
  readonly row: ((buffer: Buffer, start: number) => void) | undefined;
}

export function resultFormat(run: Run): ResultFormat {
  return { fields: run.fields, formats: run.bind?.resultFormats ?? [] };
}

function typesOfColumns({ fields, formats }: ResultFormat): readonly number[] | undefined {
  if (fields === undefined || !formats.includes(1)) return undefined;
  const types = fields.map(({ typeOid }, i) =>
    formatOf(formats, i) === 1 && mayHoldOids(typeOid) ? typeOid : 0,
  );
  return types.some((type) => type !== 0) ? types : undefined;
}

function typesOfParameters({ bind, parameterTypes }: Run): readonly number[] | undefined {
  if (bind === undefined || !bind.parameterFormats.includes(1)) return undefined;
  const types = bind.values.map((value, i) => {
    const type = parameterTypes[i] ?? 0;
    return value !== null && formatOf(bind.parameterFormats, i) === 1 && mayHoldOids(type) ? type : 0;
  });
  return types.some((type) => type !== 0) ? types : undefined;
}

/** Whether a statement needs any of this: nearly none does. */
export function hasBinaryOids(run: Run, result = resultFormat(run)): boolean {
  return typesOfColumns(result) !== undefined || typesOfParameters(run) !== undefined;
}

/** The lease's prelude has been answered then. The catalog node's own OIDs are those of the client. */
export async function binaryValues(
  context: WorkplaceContext,
  lease: Lease,
  run: Run,
  result: ResultFormat,
): Promise<BinaryValues> {
  const { server } = lease.connection;
  if (server.kind === "catalog") return { tail: run.bind?.tail, row: undefined };
  const columns = typesOfColumns(result);
  await preludeDone(lease);
  const there = await tableOf(context, server.name, () => loadTypeTable(lease.connection));
  const catalog = await tableOf(context, "catalog", () => loadCatalogTable(context));
  const toClient = new OidTranslation(there, catalog);
  return {
    tail: translatedTail(run, new OidTranslation(catalog, there)),
    row: columns === undefined ? undefined : (buffer, start) => toClient.row(buffer, start, columns),
  };
}

async function loadCatalogTable({ transaction }: WorkplaceContext): Promise<TypeTable> {
  const lease = await transaction.lease("catalog", false);
  try {
    await preludeDone(lease);
    return await loadTypeTable(lease.connection);
  } finally {
    lease.release();
  }
}

/** A snapshot is of one version of one database's definitions. */
const tables = new WeakMap<SnapshotPart, Map<string, TypeTable>>();

async function tableOf(
  context: WorkplaceContext,
  server: string,
  load: () => Promise<TypeTable>,
): Promise<TypeTable> {
  const snapshot = context.snapshot();
  const known = tables.get(snapshot) ?? new Map<string, TypeTable>();
  tables.set(snapshot, known);
  const found = known.get(server);
  if (found !== undefined) return found;
  const table = await load();
  known.set(server, table);
  return table;
}

function translatedTail(run: Run, toServer: OidTranslation): Buffer | undefined {
  const types = typesOfParameters(run);
  const { bind } = run;
  if (bind === undefined || types === undefined) return bind?.tail;
  const tail = Buffer.from(bind.tail);
  // Formats of the parameters, their number; each with its length.
  let at = 4 + 2 * bind.parameterFormats.length;
  for (const [i, value] of bind.values.entries()) {
    at += 4;
    if (types[i] !== 0) toServer.value(tail, at, at + value!.length, types[i]!);
    at += value?.length ?? 0;
  }
  return tail;
}

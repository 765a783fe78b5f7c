/** What is found in a data directory before a start: facts only, no judgement (that is start-steps.ts) and no change. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ClusterPaths } from "./cluster-paths.ts";
import { readRecord, type ClusterRecord } from "./cluster-record.ts";
import { readMarker, unfinishedSuffix } from "./create-instance.ts";
import { planInstances, type Instance } from "./instance.ts";
import { memoryUsable } from "./memory-directory.ts";
import { findServerProcesses } from "./server-processes.ts";

export interface InstanceObservation {
  readonly name: string;
  readonly exists: boolean;
  readonly volatile: boolean;
  /** Major version of PostgreSQL that made it; undefined without a marker, that is when it is not whole. */
  readonly major: number | undefined;
  /** Who owns its files. */
  readonly uid: number | undefined;
}

export interface DataDirectoryObservation {
  readonly record: ClusterRecord | undefined;
  readonly instances: ReadonlyMap<string, InstanceObservation>;
  /** Servers of this directory that still run although no coordinator does. */
  readonly orphans: readonly number[];
  /** What an interrupted start left half made. */
  readonly unfinished: readonly string[];
  readonly template: boolean;
  readonly memoryUsable: boolean;
}

/** Sizes that a record may speak of: beyond the configured ones too, so that orphans of a larger cluster are found. */
function instancesOf(record: ClusterRecord | undefined, size: ClusterSize, paths: ClusterPaths): Instance[] {
  const largest = {
    dataNodes: Math.max(size.dataNodes, record?.dataNodes ?? 0),
    computeNodes: Math.max(size.computeNodes, record?.computeNodes ?? 0),
  };
  return [true, false].flatMap((memory) => planInstances(largest, paths, memory));
}

export interface ClusterSize {
  readonly dataNodes: number;
  readonly computeNodes: number;
}

function entries(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function observeInstance({ name, pgdata, volatile }: Instance): InstanceObservation {
  const found = statSync(pgdata, { throwIfNoEntry: false });
  return { name, exists: found !== undefined, volatile, major: readMarker(pgdata)?.major, uid: found?.uid };
}

/** Every place where a process of this data directory may run: a server, or a program that a killed start left at work. */
export function possiblePgdatas(paths: ClusterPaths, size: ClusterSize): string[] {
  const record = readRecord(paths.record);
  const places = instancesOf(record, size, paths).map((instance) => instance.pgdata);
  const making = [paths.instances, paths.memory, join(paths.instances, `template${unfinishedSuffix}`)];
  return [...new Set([...places, ...making])];
}

export function observeDataDirectory(paths: ClusterPaths, size: ClusterSize): DataDirectoryObservation {
  const record = readRecord(paths.record);
  const inMemory = memoryUsable();
  const actual = record ?? size;
  const unfinished = [...entriesOf(paths.instances), ...entriesOf(paths.memory)].filter((path) =>
    path.endsWith(unfinishedSuffix),
  );
  return {
    record,
    instances: new Map(
      planInstances(actual, paths, inMemory).map((instance) => [instance.name, observeInstance(instance)]),
    ),
    orphans: findServerProcesses(possiblePgdatas(paths, size)),
    unfinished,
    template: existsSync(paths.template),
    memoryUsable: inMemory,
  };
}

function entriesOf(directory: string): string[] {
  return entries(directory).map((entry) => join(directory, entry));
}

/** Puts together the way of the records for one COPY: which fields to look at, how to find the node, what to append. */
import type { BackendConnection } from "../../backend/backend-connection.ts";
import { isSharded, keyColumns } from "../../catalog/placement.ts";
import type { Column, Relation } from "../../catalog/snapshot.ts";
import { isUtf8 } from "../../protocol/encodings.ts";
import { ShardOracle } from "./ask-shards.ts";
import type { Intake } from "./block.ts";
import { ColumnAppender } from "./column-appender.ts";
import type { CopyFormat } from "./copy-format.ts";
import { evaluateDefaults } from "./default-values.ts";
import { CsvSplitter } from "./line-splitter-csv.ts";
import { TextSplitter } from "./line-splitter-text.ts";
import type { NodeCopy } from "./node-copy.ts";
import { RecordFlow, type Routing } from "./record-flow.ts";
import { ShardRouter } from "./shard-router.ts";
import type { Splitter } from "./splitter.ts";
import { BinarySplitter, type TupleHandler } from "./tuple-splitter-binary.ts";

export interface IntakeOptions {
  readonly relation: Relation;
  readonly nodes: readonly NodeCopy[];
  readonly format: CopyFormat;
  /** The data's columns, and those that are appended to them. */
  readonly columns: readonly Column[];
  readonly appended: readonly Column[];
  /** Of the data. */
  readonly encoding: string;
  /** The session's part on the catalog node; `writes`: nextval() will be called. */
  catalogConnection(writes: boolean): Promise<BackendConnection>;
}

export function openIntake(options: IntakeOptions): Intake {
  const { relation, nodes, format, columns, appended } = options;
  const all = [...columns, ...appended];
  const keys = keyColumns(relation);
  const positions = keys.map((key) => all.findIndex((column) => column.name === key.name));
  const ordinals = [...new Set(positions.filter((p) => p >= 0))].toSorted((a, b) => a - b);
  const registers = positions.map((position) => ordinals.indexOf(position));
  const flow = new RecordFlow(nodes, format, routingOf(options, registers));
  flow.useSplitter(makeSplitter(format, all, ordinals, false, flow));
  if (appended.length === 0) return flow;
  const appender = new ColumnAppender(
    format,
    relation.name,
    columns.length,
    appended.length,
    async (records) => evaluateDefaults(await options.catalogConnection(true), appended, records, format),
    flow,
  );
  appender.useSplitter(makeSplitter(format, columns, [], true, appender));
  return appender;
}

function routingOf(options: IntakeOptions, registers: readonly number[]): Routing {
  const { relation, nodes, format, encoding } = options;
  if (!isSharded(relation.distribution))
    return { kind: nodes.length > 1 && relation.distribution!.kind === "random" ? "turn" : "all" };
  const binary = format.format === "binary";
  const utf8 = isUtf8(encoding);
  const names = nodes.map(({ node }) => node);
  let oracle: ShardOracle | undefined;
  return {
    kind: "shard",
    router: new ShardRouter(relation, names, registers, binary, !utf8),
    registers,
    oracle: async () => {
      const connection = await options.catalogConnection(false);
      return (oracle ??= new ShardOracle(relation, connection, binary, utf8 ? "UTF8" : encoding));
    },
  };
}

function makeSplitter(
  format: CopyFormat,
  columns: readonly Column[],
  ordinals: readonly number[],
  countsFields: boolean,
  handler: TupleHandler,
): Splitter {
  if (format.format === "binary") return new BinarySplitter(ordinals, countsFields, handler);
  if (format.format === "text") return new TextSplitter(format, ordinals, countsFields, handler);
  const named = (set: ReadonlySet<string>, name: string): boolean => set.has("*") || set.has(name);
  const keys = ordinals.map((ordinal) => {
    const { name } = columns[ordinal]!;
    return { forceNull: named(format.forceNull, name), forceNotNull: named(format.forceNotNull, name) };
  });
  return new CsvSplitter(format, ordinals, keys, countsFields, handler);
}

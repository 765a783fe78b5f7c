/** The options of a COPY as far as they say how its data are written. They are read after a server has accepted them. */
import type { Node } from "@pgsql/types";
import type { Fields } from "../../sql/walk.ts";

export interface CopyFormat {
  readonly format: "text" | "csv" | "binary";
  readonly delimiter: number;
  /** The NULL marker. */
  readonly nullMarker: Buffer;
  /** The marker of option DEFAULT. */
  readonly defaultMarker: Buffer | undefined;
  /** CSV only. */
  readonly quote: number;
  readonly escape: number;
  /** The first line is a header, to be ignored or checked. */
  readonly header: boolean;
  /** Columns of FORCE_NULL and FORCE_NOT_NULL; "*" stands for all. */
  readonly forceNull: ReadonlySet<string>;
  readonly forceNotNull: ReadonlySet<string>;
  /** ENCODING as written; undefined: client_encoding. */
  readonly encoding: string | undefined;
  readonly freeze: boolean;
  /** ON_ERROR ignore. */
  readonly ignoresErrors: boolean;
}

interface DefElem {
  readonly defname?: string;
  readonly arg?: Node;
}

export function readCopyFormat(options: readonly Node[] | undefined): CopyFormat {
  const values = new Map<string, Node | undefined>();
  for (const option of options ?? []) {
    const { defname, arg } = (option as { DefElem: DefElem }).DefElem;
    values.set(defname!, arg);
  }
  const text = (name: string): string | undefined =>
    values.has(name) ? textOf(values.get(name)) : undefined;
  const format = readFormat(text("format"));
  const csv = format === "csv";
  const quote = byte(text("quote") ?? '"');
  const marker = text("default");
  return {
    format,
    delimiter: byte(text("delimiter") ?? (csv ? "," : "\t")),
    nullMarker: Buffer.from(text("null") ?? (csv ? "" : "\\N")),
    defaultMarker: marker === undefined ? undefined : Buffer.from(marker),
    quote,
    escape: values.has("escape") ? byte(text("escape") ?? '"') : quote,
    header: values.has("header") && readHeader(text("header")),
    forceNull: columnSet(values.get("force_null")),
    forceNotNull: columnSet(values.get("force_not_null")),
    encoding: text("encoding"),
    freeze: values.has("freeze") && readBoolean(text("freeze")),
    ignoresErrors: text("on_error")?.toLowerCase() === "ignore",
  };
}

function readFormat(value: string | undefined): CopyFormat["format"] {
  return value === "csv" || value === "binary" ? value : "text";
}

function byte(value: string): number {
  return Buffer.from(value)[0] ?? 0;
}

/** A missing argument means true, as everywhere in PostgreSQL's option lists. */
function readBoolean(value: string | undefined): boolean {
  return value === undefined || /^(true|on|1|yes|t|y)$/i.test(value);
}

function readHeader(value: string | undefined): boolean {
  return readBoolean(value) || value?.toLowerCase() === "match";
}

function columnSet(arg: Node | undefined): ReadonlySet<string> {
  if (arg === undefined) return new Set();
  if ("A_Star" in arg) return new Set(["*"]);
  const items = (arg as { List?: { items?: readonly Node[] } }).List?.items ?? [];
  return new Set(items.map((item) => textOf(item) ?? ""));
}

function textOf(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  const [type, fields] = Object.entries(node)[0] as [string, Fields];
  switch (type) {
    case "String":
      return (fields["sval"] as string | undefined) ?? "";
    case "Integer":
      return String((fields["ival"] as number | undefined) ?? 0);
    case "Float":
      return fields["fval"] as string;
    case "Boolean":
      return fields["boolval"] === true ? "true" : "false";
    default:
      return undefined;
  }
}

/** The schema's keys as flat dotted paths, read from its JSON Schema form: what the environment, flags and reference go by. */
import { z } from "zod";
import { configSchema } from "./schema.ts";

export interface ConfigKey {
  /** Dotted path, such as `server.fsync`. */
  readonly path: string;
  /** A section holds further keys. */
  readonly section: boolean;
  readonly type: "string" | "number" | "boolean" | "list" | "map" | "section";
  readonly values: readonly string[] | undefined;
  readonly default: unknown;
  readonly description: string;
  /** `pleiad reload` is enough for it to take effect. */
  readonly reload: boolean;
  /** Keys of one element of a list. */
  readonly elementKeys: readonly ConfigKey[];
}

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly reload?: true;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
}

function typeOf(schema: JsonSchema): ConfigKey["type"] {
  if (schema.properties) return "section";
  if (schema.type === "object") return "map";
  if (schema.type === "array") return "list";
  if (schema.type === "integer" || schema.type === "number") return "number";
  return schema.type === "boolean" ? "boolean" : "string";
}

function collect(schema: JsonSchema, prefix: string): ConfigKey[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = prefix + name;
    const type = typeOf(property);
    const key: ConfigKey = {
      path,
      section: type === "section",
      type,
      values: property.enum,
      default: property.default,
      description: property.description ?? "",
      reload: property.reload === true,
      elementKeys: property.items ? collect(property.items, "") : [],
    };
    return key.section ? [key, ...collect(property, `${path}.`)] : [key];
  });
}

export const configKeys: readonly ConfigKey[] = collect(
  z.toJSONSchema(configSchema, { io: "input" }) as JsonSchema,
  "",
);

/** The environment variable of a key: `server.fsync` is PLEIAD_SERVER_FSYNC. */
export function environmentName(path: string): string {
  return `PLEIAD_${path.toUpperCase().replaceAll(".", "_")}`;
}

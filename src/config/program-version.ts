/** The version of the program that this process runs: that of the package it belongs to. */
import { readFileSync } from "node:fs";

export function programVersion(): string {
  // The same relative path from the sources and from the build.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

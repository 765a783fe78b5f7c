import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configReference } from "./config-reference.ts";
import { configKeys } from "./keys.ts";

test("docs/configuration.md is up to date (npm run --silent pleiad -- config reference > docs/configuration.md)", () => {
  const file = new URL("../../docs/configuration.md", import.meta.url);
  expect(readFileSync(file, "utf8")).toBe(configReference());
});

test("every key says what it means", () => {
  const silent = configKeys.filter((key) => key.description === "").map((key) => key.path);
  expect(silent).toEqual([]);
});

import { expect, test } from "vitest";
import { editDistance, nearestKey } from "./nearest-key.ts";

test("one edit each: insert, delete, replace, swap of neighbours", () => {
  expect(editDistance("port", "ports")).toBe(1);
  expect(editDistance("port", "pot")).toBe(1);
  expect(editDistance("port", "pert")).toBe(1);
  expect(editDistance("port", "prot")).toBe(1);
  expect(editDistance("", "abc")).toBe(3);
});

test("far from everything: no guess", () => {
  expect(nearestKey("colour", ["port", "host", "server.fsync"])).toBeUndefined();
});

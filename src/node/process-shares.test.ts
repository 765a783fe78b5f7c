import { describe, expect, test } from "vitest";
import { configSchema, type PleiadConfig } from "../config/schema.ts";
import { executorCount, executorPool, workerPool } from "./process-shares.ts";

const config = (given: object): PleiadConfig => ({ ...configSchema.parse(given), data: "/data" });
const memory = "/dev/shm/pleiad-node-0123456789abcdef";

describe("executors", () => {
  test("as many as configured, none included", () => {
    for (const executors of [0, 1, 5]) expect(executorCount(config({ executors }), memory)).toBe(executors);
  });

  test("one at least, unless two connections to each server are more than their part", () => {
    expect(executorCount(config({}), memory)).toBeGreaterThanOrEqual(1);
    expect(executorCount(config({ pool: { per_node: 8 } }), memory)).toBe(1);
    expect(executorCount(config({ pool: { per_node: 7 } }), memory)).toBe(0);
  });

  test("none where their sockets would have too long a name", () => {
    expect(executorCount(config({ executors: 3 }), `/${"long".repeat(23)}`)).toBe(0);
  });
});

test("workers and executors together have no more connections than there may be", () => {
  for (const [workers, executors, per_node] of [
    [1, 1, 180],
    [4, 2, 180],
    [3, 1, 17],
    [2, 0, 180],
  ] as const) {
    const start = { config: config({ pool: { per_node } }), workers, executors };
    const total =
      workers * workerPool(start).perServerMax +
      (executors === 0 ? 0 : executors * executorPool(start).perServerMax);
    expect(total).toBeLessThanOrEqual(per_node);
    expect(total).toBeGreaterThan(per_node - workers - executors - 1);
  }
});

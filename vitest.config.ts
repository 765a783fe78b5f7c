import { defineConfig } from "vitest/config";

// unit: no server. pg: real PostgreSQL servers. cluster: a whole Pleiad, real processes and signals.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/house/**/*.test.ts"],
          exclude: ["src/**/*.pg.test.ts", "**/node_modules/**"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "pg",
          include: ["src/**/*.pg.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "cluster",
          include: ["test/**/*.test.ts"],
          exclude: ["test/house/**", "**/node_modules/**"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

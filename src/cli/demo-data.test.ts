import { expect, test } from "vitest";
import { demoTables } from "./demo-data.ts";
import { demoTour } from "./demo-tour.ts";

test("the sample data have as many rows as announced, more than a million order lines", async () => {
  for (const table of demoTables) {
    let rows = 0;
    let lines = 0;
    for await (const chunk of table.chunks()) {
      rows += chunk.rows;
      for (const byte of chunk.data) if (byte === 10) lines++;
    }
    expect([table.name, rows, lines]).toEqual([table.name, table.rows, table.rows]);
    if (table.name === "order_lines") expect(rows).toBeGreaterThan(1_000_000);
  }
});

test("the tour shows every way of running a statement", () => {
  expect(new Set(demoTour.map((stop) => stop.level))).toEqual(
    new Set(["route", "gather", "general", "write"]),
  );
});

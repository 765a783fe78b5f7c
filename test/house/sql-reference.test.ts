import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SQL_PAGE, sqlPage } from "../../scripts/sql-reference.ts";

test("docs/sql.md lists every refusal as it is (npm run docs)", () => {
  const page = readFileSync(SQL_PAGE, "utf8");
  expect(page).toBe(sqlPage(page));
});

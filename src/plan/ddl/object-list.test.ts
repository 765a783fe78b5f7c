import type { RangeVar } from "@pgsql/types";
import { beforeAll, expect, test } from "vitest";
import { initializeParser, parseStatements } from "../../sql/parse.ts";
import { applySplices } from "../../sql/splice.ts";
import { walk } from "../../sql/walk.ts";
import { keepListed, listedTables } from "./object-list.ts";

beforeAll(initializeParser);

function kept(sql: string, ...which: boolean[]): string | undefined {
  const statement = parseStatements(sql)[0]!;
  const names: RangeVar[] = [];
  walk(statement.tree, (type, fields) => {
    if (type === "RangeVar") names.push(fields as RangeVar);
    if (type === "VacuumRelation") names.push(fields["relation"] as RangeVar);
  });
  const splices = keepListed(listedTables(statement, names), which);
  return splices && applySplices(statement.text, splices).toString();
}

test("a list is cut to what a node has", () => {
  const sql = 'GRANT SELECT ON a, s."b, c", d TO r';
  expect(kept(sql, true, true, true)).toBe(sql);
  expect(kept(sql, false, true, true)).toBe('GRANT SELECT ON s."b, c", d TO r');
  expect(kept(sql, true, false, true)).toBe("GRANT SELECT ON a, d TO r");
  expect(kept(sql, true, false, false)).toBe("GRANT SELECT ON a TO r");
  expect(kept(sql, false, false, true)).toBe("GRANT SELECT ON d TO r");
  expect(kept(sql, false, true, false)).toBe('GRANT SELECT ON s."b, c" TO r');
  expect(kept(sql, false, false, false)).toBeUndefined();
});

test("columns of VACUUM and ANALYZE go with their table", () => {
  expect(kept("ANALYZE a (x, y), b, c (z)", false, true, true)).toBe("ANALYZE b, c (z)");
  expect(kept("ANALYZE a (x, y), b, c (z)", true, true, false)).toBe("ANALYZE a (x, y), b");
});

/**
 * Makes the list of refused shapes in docs/sql.md from src/errors/refusals.json: `npm run docs` writes it, a house test compares.
 * What stands before the mark is written by hand.
 */
import { readFileSync, writeFileSync } from "node:fs";
import refusals from "../src/errors/refusals.json" with { type: "json" };

export const SQL_PAGE = new URL("../docs/sql.md", import.meta.url);
const MARK = "<!-- made by npm run docs from src/errors/refusals.json: do not edit below -->";

/** The page with the list as it should be. */
export function sqlPage(page: string): string {
  const written = page.slice(0, page.indexOf(MARK));
  const entries = Object.entries(refusals).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const sections = entries.map(
    ([id, { sqlstate, message, reason, hint, example }]) =>
      `### ${id}\n\n\`${sqlstate}\`: ${message}. ${reason}\n\n*Instead:* ${hint}\n\n\`\`\`sql\n${example};\n\`\`\`\n`,
  );
  return `${written}${MARK}\n\n${sections.join("\n")}`;
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].split("/").at(-1)!)) {
  writeFileSync(SQL_PAGE, sqlPage(readFileSync(SQL_PAGE, "utf8")));
}

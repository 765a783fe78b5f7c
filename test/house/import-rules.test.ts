/** The import table of docs/architecture.md is enforced: a forbidden import, planted in a copy of the layout, is reported. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(realpathSync(tmpdir()), "pleiad-rules-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function plant(path: string, text: string): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), text);
}

function lint(): Promise<string> {
  const oxlint = join(root, "node_modules", "oxlint", "bin", "oxlint");
  const args = [oxlint, "-c", join(root, ".oxlintrc.json"), "src"];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: directory }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

const exporting = "export const value = 1;\n";
const importing = (from: string) => `import { value } from "${from}";\nexport const again = value;\n`;

test("a room that the table does not list is refused", async () => {
  plant("src/operations/act.ts", exporting);
  plant("src/plan/decide.ts", importing("../operations/act.ts"));
  const report = await lint();
  expect(report).toContain("src/plan/decide.ts");
  expect(report).toMatch(/room="plan".*room="operations"/s);
});

test("also when only a type is imported, or deep in a folder of a room", async () => {
  plant("src/session/state.ts", "export interface State { readonly n: number }\n");
  plant(
    "src/execute/copy/read.ts",
    'import type { State } from "../../session/state.ts";\nexport const read = (state: State) => state.n;\n',
  );
  expect(await lint()).toMatch(/room="execute".*room="session"/s);
});

test("what the table lists passes, and so does a room's own file", async () => {
  plant("src/sql/parse.ts", exporting);
  plant("src/observe/log.ts", exporting);
  plant("src/plan/decide.ts", importing("../sql/parse.ts"));
  plant("src/plan/explain.ts", importing("./decide.ts").replace("value }", "again as value }"));
  plant("src/plan/trace.ts", importing("../observe/log.ts"));
  expect(await lint()).toContain("0 errors");
});

test("a client library of the tests is refused in the product", async () => {
  plant("src/backend/connect.ts", 'import pg from "pg";\nexport const client = new pg.Client();\n');
  expect(await lint()).toContain("src/backend is the client of the servers");
});

test("a cycle of imports is refused", async () => {
  plant("src/sql/a.ts", 'import { b } from "./b.ts";\nexport const a = () => b;\n');
  plant("src/sql/b.ts", 'import { a } from "./a.ts";\nexport const b = () => a;\n');
  expect(await lint()).toContain("no-cycle");
});

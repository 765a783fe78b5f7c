/** A directory of its own for one test, which the servers' user may pass even when root made it. */
import { chmodSync, mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function temporaryDirectory(name: string): string {
  const path = mkdtempSync(join(realpathSync(tmpdir()), `pleiad-${name}-`));
  chmodSync(path, 0o755);
  return path;
}

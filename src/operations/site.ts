/** Files of a cluster's instances: made, and configured anew at every start. */
import { execFile } from "node:child_process";
import { chownSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { PleiadConfig } from "../config/schema.ts";
import type { ClusterPaths } from "./cluster-paths.ts";
import { createInstance, createTemplate } from "./create-instance.ts";
import type { Instance } from "./instance.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import { ensurePrivateDirectory } from "./private-directory.ts";
import type { Progress } from "./progress.ts";
import type { RunUser } from "./run-user.ts";
import { accessTexts, settingsFile, settingsText } from "./server-settings.ts";

const run = promisify(execFile);

/** Where a cluster lies and what it is made with. */
export interface Site {
  readonly config: PleiadConfig;
  readonly paths: ClusterPaths;
  readonly user: RunUser;
  readonly binaries: PostgresBinaries;
  readonly progress: Progress;
}

export async function createInstances(site: Site, instances: readonly Instance[]): Promise<void> {
  const { paths, user, binaries, config } = site;
  if (instances.some((instance) => instance.volatile)) ensurePrivateDirectory(paths.memory, user);
  await Promise.all(
    instances.map(({ name, pgdata, volatile }) =>
      createInstance(name, pgdata, paths.template, binaries, user, config.server.fsync && !volatile),
    ),
  );
}

/** The template's parent must be writable for the servers' user: it is made beside the instances and moved. */
export async function makeTemplate(site: Site): Promise<void> {
  const { paths, binaries, user, config } = site;
  const working = join(paths.instances, "template");
  for (const path of [working, paths.template]) rmSync(path, { recursive: true, force: true });
  await createTemplate(working, binaries, user, config.locale);
  await run("mv", [working, paths.template]);
}

export function configure(site: Site, instance: Instance): void {
  const { config, user, binaries } = site;
  const access = accessTexts(binaries.major, [userInfo().username, user.name]);
  const files = {
    [settingsFile]: settingsText(instance, config.server),
    "pg_hba.conf": access.hba,
    "pg_ident.conf": access.ident,
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(instance.pgdata, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (user.identity.uid !== undefined) chownSync(path, user.uid, user.gid);
  }
}

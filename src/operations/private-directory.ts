/** Directories in places where anybody may create files (/tmp, /dev/shm): ours only if it is a directory of the right user. */
import { chmodSync, chownSync, lstatSync, mkdirSync } from "node:fs";
import { OperationError } from "./operation-error.ts";
import type { RunUser } from "./run-user.ts";

/** Makes sure of a directory that only `user` (and root) can enter. */
export function ensurePrivateDirectory(path: string, user: RunUser): void {
  try {
    mkdirSync(path, { mode: 0o700 });
    if (user.identity.uid !== undefined) chownSync(path, user.uid, user.gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== user.uid) {
    throw new OperationError(
      `${path} exists and is not a directory of user "${user.name}" (it belongs to user id ${found.uid})`,
      "Somebody else made it: remove it, then start again.",
    );
  }
  if ((found.mode & 0o077) !== 0) chmodSync(path, 0o700);
}

/** Refusals of the operating system (no permission, no space), in words for whoever runs Pleiad. */

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EDQUOT: "the disk quota is used up",
  ENOTDIR: "not a directory",
  EISDIR: "it is a directory",
  EMFILE: "too many open files",
};

/** `/path: reason` for an error of a file operation; undefined for all others. */
export function fileProblem(error: unknown): string | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  const reason = code === undefined ? undefined : reasons[code];
  return reason === undefined || path === undefined ? undefined : `${path}: ${reason}`;
}

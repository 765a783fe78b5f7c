/** PostgreSQL as the operating system's packages install it: Pleiad runs on that too (`--pg-bin`). */
import { existsSync } from "node:fs";
import { join } from "node:path";

export interface SystemPostgres {
  readonly major: number;
  /** Directory of its programs. */
  readonly directory: string;
}

/** Those that Pleiad runs on, newest first. */
const MAJORS = [18, 17, 16, 15];

/** Debian and Ubuntu; Red Hat and its kin; Homebrew on both kinds of Mac. */
const PLACES = [
  (major: number) => `/usr/lib/postgresql/${major}/bin`,
  (major: number) => `/usr/pgsql-${major}/bin`,
  (major: number) => `/opt/homebrew/opt/postgresql@${major}/bin`,
  (major: number) => `/usr/local/opt/postgresql@${major}/bin`,
];

/** Every installed server with its initdb (client packages alone leave a directory without them). */
export function systemPostgres(): SystemPostgres[] {
  return MAJORS.flatMap((major) =>
    PLACES.map((place) => ({ major, directory: place(major) })).filter(({ directory }) =>
      ["postgres", "initdb"].every((program) => existsSync(join(directory, program))),
    ),
  );
}

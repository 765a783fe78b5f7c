/** ALTER EXTENSION … ADD and DROP, and the one extension that clients may not take apart. */
import type { AlterExtensionContentsStmt } from "@pgsql/types";
import { refusal } from "../../errors/refusal.ts";
import type { DdlStatement } from "./ddl-statement.ts";
import { runEverywhere } from "./everywhere.ts";

/** Pleiad's own schema is a part of plpgsql (catalog/keep-out-of-dumps.ts) and would go with it. */
export function refuseOwnExtension(name: string | undefined): void {
  if (name === "plpgsql") throw refusal("extension-plpgsql");
}

export async function alterExtensionContents(ddl: DdlStatement): Promise<string> {
  const { AlterExtensionContentsStmt: alter } = ddl.statement.tree as {
    AlterExtensionContentsStmt: AlterExtensionContentsStmt;
  };
  refuseOwnExtension(alter.extname);
  return runEverywhere(ddl);
}

/** Roles exist on every server. A password leaves the coordinator only as what PostgreSQL keeps of it (X2). */
import type { AlterRoleStmt, CreateRoleStmt, DefElem } from "@pgsql/types";
import { quoteLiteral } from "../../sql/quote.ts";
import type { Splice } from "../../sql/statement.ts";
import { isWord, nextToken } from "../../sql/tokens.ts";
import type { DdlStatement } from "./ddl-statement.ts";

export async function defineRole(ddl: DdlStatement): Promise<string> {
  const tree = ddl.statement.tree as { CreateRoleStmt?: CreateRoleStmt; AlterRoleStmt?: AlterRoleStmt };
  const splices = await hidePassword(ddl, tree.CreateRoleStmt?.options ?? tree.AlterRoleStmt?.options ?? []);
  const tag = await ddl.onCatalog(splices);
  await ddl.onNodes(ddl.otherNodes, () => splices);
  await ddl.changed();
  return tag;
}

async function hidePassword(ddl: DdlStatement, options: readonly unknown[]): Promise<readonly Splice[]> {
  for (const option of options) {
    const { DefElem: element } = option as { DefElem: DefElem };
    if (element.defname !== "password") continue;
    const password = (element.arg as { String?: { sval?: string } } | undefined)?.String?.sval;
    // An empty password and one that is hashed already are PostgreSQL's to judge.
    if (password === undefined || password === "" || /^(?:SCRAM-SHA-256\$|md5[0-9a-f]{32}$)/.test(password))
      return [];
    const { text } = ddl.statement;
    let token = nextToken(text, element.location ?? 0);
    while (token !== undefined && !(token.kind === "string" && !isWord(text, token, "password")))
      token = nextToken(text, token.end);
    if (token === undefined) return [];
    return [
      {
        start: token.start,
        end: token.end,
        text: quoteLiteral(await ddl.context.passwordVerifier(password)),
      },
    ];
  }
  return [];
}

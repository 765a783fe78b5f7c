/** WITH entries that write. */
import type { Node } from "@pgsql/types";
import { refusal } from "../../errors/refusal.ts";
import { walk } from "../../sql/walk.ts";

/** A writing statement with further writing parts in its WITH. */
export function refuseWritingWith(tree: Node): void {
  walk(tree, (type, fields) => {
    if (type !== "CommonTableExpr") return true;
    const query = (fields as { ctequery?: Node }).ctequery;
    if (query !== undefined && !("SelectStmt" in query)) throw refusal("writing-with-many-nodes");
    return true;
  });
}

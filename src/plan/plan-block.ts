/**
 * DO blocks and procedures: what they touch is read off their bodies. Those that touch no table run on the catalog node; those
 * that read tables run where the tables are brought to, whole; those that write are refused.
 */
import type { CallStmt, DoStmt } from "@pgsql/types";
import { refusal } from "../errors/refusal.ts";
import { names, walk } from "../sql/walk.ts";
import { planWorkplace } from "./general.ts";
import { openBlock, openCall, type OpenedFunctions } from "./open-functions.ts";
import type { GeneralPlan } from "./plan.ts";
import type { CallContext } from "./volatility.ts";

export interface BlockPlan {
  readonly functions: OpenedFunctions;
  /** Undefined: the catalog node runs it. */
  readonly workplace: GeneralPlan | undefined;
}

/** The body of a block in PL/pgSQL. */
export function bodyOf(statement: DoStmt): string {
  const options = new Map(
    (statement.args ?? []).flatMap((arg) => {
      if (!("DefElem" in arg)) return [];
      const { defname, arg: value } = arg.DefElem;
      return value !== undefined && "String" in value
        ? [[defname ?? "", value.String.sval ?? ""] as const]
        : [];
    }),
  );
  if ((options.get("language") ?? "plpgsql") !== "plpgsql") throw refusal("block-language");
  return options.get("as") ?? "";
}

export function planDo(body: string, context: CallContext): BlockPlan {
  return planOpened(openBlock(body, context), context);
}

export function planCall(statement: CallStmt, context: CallContext): BlockPlan {
  const calls: (readonly string[])[] = [];
  walk({ FuncCall: statement.funccall }, (type, fields) => {
    // PostgreSQL itself allows no query among the arguments.
    if (type === "FuncCall") calls.push(names((fields as { funcname?: never[] }).funcname) ?? []);
  });
  return planOpened(openCall(calls, context), context);
}

function planOpened(functions: OpenedFunctions, context: CallContext): BlockPlan {
  if (functions.reads.size === 0) return { functions, workplace: undefined };
  if (functions.notMovable !== undefined) throw functions.notMovable;
  const needsCatalogs =
    functions.readsCatalogs || functions.writesCatalogs || functions.settingCalls.length > 0;
  if (needsCatalogs) throw refusal("function-reads-many-nodes");
  if (functions.connectionFunction !== undefined)
    throw refusal("connection-function", `Function ${functions.connectionFunction}.`);
  return { functions, workplace: planWorkplace(functions.reads, functions.rowTypes, context.snapshot) };
}

/**
 * A statement's text as it goes to a server. It is the client's own, changed in a few known places: the name of the one shard
 * instead of the table's (cheaper to plan on the server), the transaction's time instead of now(), shipped tables.
 */
import type { ReadPlan } from "../plan/plan.ts";
import { quoteQualified } from "../sql/quote.ts";
import { applySplices } from "../sql/splice.ts";
import type { ParsedStatement, Splice } from "../sql/statement.ts";
import type { ClientText } from "./client-error.ts";
import type { SessionSettings } from "../transaction/settings.ts";

export interface NodeText {
  /** What the client wrote; an error's position is one in it. */
  readonly statement: ClientText;
  readonly sql: Buffer;
  /** What became of the client's text. */
  readonly splices: readonly Splice[];
  /** Identifies the text among the prepared statements of a connection; undefined: not worth keeping. */
  readonly key: string | undefined;
}

export function splicedText(statement: ClientText, splices: readonly Splice[], key?: string): NodeText {
  return { statement, sql: applySplices(statement.text, splices), splices, key };
}

export function textAsWritten(statement: ParsedStatement): NodeText {
  return { statement, sql: statement.text, splices: [], key: undefined };
}

let planCount = 0;
const planKeys = new WeakMap<object, string>();

/** A short name for a plan, unique in this process: prepared statements of different plans never meet. */
export function planKey(plan: object): string {
  let key = planKeys.get(plan);
  if (key === undefined) planKeys.set(plan, (key = `${++planCount}`));
  return key;
}

/** Texts per shard, kept with the plan. */
const shardTexts = new WeakMap<ReadPlan, Map<number, NodeText>>();

export function textForShard(plan: ReadPlan, shard: number | undefined): NodeText {
  const names = shard === undefined ? undefined : plan.shardNames;
  const slot = names === undefined ? -1 : shard!;
  let texts = shardTexts.get(plan);
  if (texts === undefined) shardTexts.set(plan, (texts = new Map()));
  let text = texts.get(slot);
  if (text === undefined) {
    const splices =
      names === undefined
        ? plan.directSplices
        : names.map((n) => ({
            start: n.start,
            end: n.end,
            text: quoteQualified(`${n.relation.schema}#${slot}`, n.relation.name),
          }));
    text = splicedText(plan.statement, splices, `${planKey(plan)}.${slot}`);
    texts.set(slot, text);
  }
  return text;
}

/** Literals were read under the settings of the time: '{NULL}'::text[], '1.2.2024'::date. */
export function preparedKey(text: NodeText, settings: SessionSettings): string | undefined {
  if (text.key === undefined) return undefined;
  const meaning = settings.meaningKey;
  return meaning === "" ? text.key : `${text.key}.${meaning}`;
}

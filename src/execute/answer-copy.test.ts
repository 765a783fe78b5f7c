import { expect, test } from "vitest";
import { bindComplete, commandComplete, emptyQueryResponse } from "../protocol/backend-messages.ts";
import { AnswerCopy } from "./answer-copy.ts";

const NO_PREFACE = Buffer.alloc(0);
const row = Buffer.from([0x44, 0, 0, 0, 6, 0, 0]);
const notice = Buffer.from([0x4e, 0, 0, 0, 5, 0]);

function copied(bytesMax: number, ...messages: readonly Buffer[]): AnswerCopy {
  const copy = new AnswerCopy(bytesMax);
  for (const message of messages) copy.add(message, 0, message.length);
  return copy;
}

test("an answer is its preface, rows and their tag, in whatever pieces it comes", () => {
  const tag = commandComplete("SELECT 2");
  const all = Buffer.concat([bindComplete, row, row, tag]);
  expect(copied(100, bindComplete, row, row, tag).whole(bindComplete)).toEqual(all);
  expect(copied(100, all.subarray(0, 8), all.subarray(8, 13), all.subarray(13)).whole(bindComplete)).toEqual(
    all,
  );
  expect(copied(100, row, tag).whole(NO_PREFACE)).toEqual(Buffer.concat([row, tag]));
});

test("the bytes are copied: they are another's behind that", () => {
  const lent = Buffer.concat([row, commandComplete("SELECT 1")]);
  const copy = copied(100, lent);
  const before = Buffer.from(lent);
  lent.fill(0);
  expect(copy.whole(NO_PREFACE)).toEqual(before);
});

test.each([
  ["with a notice", [row, notice, commandComplete("SELECT 1")], NO_PREFACE],
  ["without its end", [row], NO_PREFACE],
  ["cut in a message", [row, commandComplete("SELECT 1").subarray(0, 3)], NO_PREFACE],
  ["with more behind its end", [commandComplete("SELECT 0"), row], NO_PREFACE],
  ["without its preface", [row, commandComplete("SELECT 1")], bindComplete],
  ["of an empty string", [emptyQueryResponse], NO_PREFACE],
  ["too large", [row, row, row, row, commandComplete("SELECT 4")], NO_PREFACE],
])("%s it is none", (_, messages, preface) => {
  expect(copied(40, ...messages).whole(preface)).toBeUndefined();
});

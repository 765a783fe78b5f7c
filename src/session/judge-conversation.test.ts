import { describe, expect, test } from "vitest";
import { Status } from "../protocol/message-types.ts";
import type { ConversationState } from "../shared-memory/conversation.ts";
import { goesOnUnnoticed, judgeConversation, lossError, type Loss } from "./judge-conversation.ts";

const NOTHING = { bytes: 0, needed: 0, head: Buffer.alloc(0) };

/** Between two statements: all that was read is answered, and the client has all answers. */
const IDLE: ConversationState = {
  dirty: false,
  status: Status.idle,
  tls: false,
  holds: false,
  uncertain: false,
  statusBefore: Status.idle,
  uncertainBefore: false,
  read: 100,
  written: 200,
  writtenBefore: 150,
  owed: 0,
  owedBefore: 1,
  unsynced: false,
  held: NOTHING,
};
const ACTUAL = { read: 100, written: 200 };
/** Nobody has lost anything. */
const NO_LOSS: Loss = {
  owed: 0,
  unsynced: false,
  uncertain: false,
  status: Status.idle,
  unaware: false,
  held: NOTHING,
};

const inBlock = { status: Status.inTransaction } as const;
const failed = { status: Status.failed } as const;
const queryHeld = { bytes: 8, needed: 20, head: Buffer.from([0x51, 0, 0, 0]) };
const headHeld = { bytes: 3, needed: 0, head: Buffer.from([0x51, 0, 0]) };

describe("N1, N2: a session goes on", () => {
  const cases: [string, Partial<ConversationState>, Partial<Loss>, Partial<typeof ACTUAL>?][] = [
    ["idle", {}, {}],
    ["idle, of which everything was written at once", { written: 200, writtenBefore: 200 }, {}],
    [
      "idle in a block: the client is told at its next statement",
      inBlock,
      { status: Status.failed, unaware: true },
    ],
    ["in a failed block: it stays one, and there is nothing to tell", failed, { status: Status.failed }],
    ["one Query running", { owed: 1 }, { owed: 1 }],
    ["one Query running in a block", { ...inBlock, owed: 1 }, { owed: 1, status: Status.failed }],
    ["a statement in a failed block", { ...failed, owed: 1 }, { owed: 1, status: Status.failed }],
    ["a Query that may be committed", { owed: 1, uncertain: true }, { owed: 1, uncertain: true }],
    [
      "COMMIT of a block: the block is over in any case",
      { ...inBlock, owed: 1, uncertain: true },
      { owed: 1, uncertain: true, status: Status.idle },
    ],
    ["two pipelined Queries", { owed: 2, owedBefore: 2 }, { owed: 2 }],
    ["two pipelined, the first answered", { owed: 1, owedBefore: 2 }, { owed: 1 }],
    ["the extended protocol with its Sync", { owed: 1 }, { owed: 1 }],
    ["the extended protocol without its Sync", { unsynced: true }, { unsynced: true }],
    [
      "the extended protocol without its Sync, in a block",
      { ...inBlock, unsynced: true },
      { unsynced: true, status: Status.failed },
    ],
    [
      "a pipeline of which the last part has no Sync yet",
      { owed: 1, owedBefore: 1, unsynced: true, uncertain: true },
      { owed: 1, unsynced: true, uncertain: true },
    ],
    ["a message with its header incomplete", { held: headHeld }, { held: headHeld }],
    ["a message with its header complete", { held: queryHeld }, { held: queryHeld }],
    [
      "a header incomplete, in a block: it is read again, and its message is told of the block",
      { ...inBlock, held: headHeld },
      { held: headHeld, status: Status.failed, unaware: true },
    ],
    [
      "a part of a message, in a block",
      { ...inBlock, held: queryHeld },
      { held: queryHeld, status: Status.failed },
    ],
    ["an answer that was not begun is owed again", { owed: 0, owedBefore: 1 }, { owed: 1 }, { written: 150 }],
    [
      "two answers in one write that was not begun",
      { owed: 1, owedBefore: 3 },
      { owed: 3 },
      { written: 150 },
    ],
    ["rows written, but no answer yet", { owed: 1, owedBefore: 1 }, { owed: 1 }, { written: 150 }],
    [
      "COMMIT whose answer did not go out: it may be committed all the same",
      { owedBefore: 1, statusBefore: Status.inTransaction, uncertainBefore: true },
      { owed: 1, uncertain: true },
      { written: 150 },
    ],
    [
      "an INSERT whose answer did not go out, and a SELECT behind it",
      { owed: 1, owedBefore: 2, uncertainBefore: true },
      { owed: 2, uncertain: true },
      { written: 150 },
    ],
    [
      "BEGIN whose answer did not go out: the client is in no block",
      { ...inBlock, owedBefore: 1, statusBefore: Status.idle },
      { owed: 1 },
      { written: 150 },
    ],
    [
      "an uncertain statement that was answered: nothing runs, nothing is lost",
      { uncertain: true },
      { uncertain: false },
    ],
  ];

  test.each(cases)("%s", (_, said, loss, actual = {}) => {
    expect(judgeConversation({ ...IDLE, ...said }, { ...ACTUAL, ...actual })).toEqual({
      do: "go on",
      loss: { ...NO_LOSS, ...loss },
    });
  });
});

describe("N1: a connection is closed without a word", () => {
  const silent: [string, Partial<ConversationState>, Partial<typeof ACTUAL> | undefined][] = [
    ["its last write is cut", {}, { written: 180 }],
    ["more is unwritten than the last write", {}, { written: 149 }],
    ["more was written than was noted", {}, { written: 201 }],
    ["bytes were read that nobody noted", {}, { read: 101 }],
    ["fewer bytes were read than was noted", {}, { read: 99 }],
    ["its process was in the middle of a change", { dirty: true }, {}],
    ["its process was in the middle of a change, and held something", { dirty: true, holds: true }, {}],
    ["it was encrypted", { tls: true }, {}],
    ["it was encrypted, and held something", { tls: true, holds: true }, {}],
    ["the kernel does not say how far it is", {}, undefined],
    ["it held something, and its last write is cut", { holds: true }, { written: 180 }],
  ];

  test.each(silent)("%s", (_, said, actual) => {
    const position = actual && { ...ACTUAL, ...actual };
    expect(judgeConversation({ ...IDLE, ...said }, position)).toEqual({ do: "close", tell: false });
  });
});

describe("N1: a session that lived on what is gone is told so", () => {
  test.each<[string, Partial<ConversationState>, Partial<typeof ACTUAL>]>([
    ["idle", {}, {}],
    ["in a statement", { owed: 1 }, {}],
    ["in a block", inBlock, {}],
    ["with an answer that was not begun", {}, { written: 150 }],
    ["within a message from the client", { held: queryHeld }, {}],
  ])("%s", (_, said, actual) => {
    expect(judgeConversation({ ...IDLE, holds: true, ...said }, { ...ACTUAL, ...actual })).toEqual({
      do: "close",
      tell: true,
    });
  });
});

describe("what the client hears", () => {
  test("N1: what is certain may be run again: a serialization failure, which clients know", () => {
    expect(lossError(false).fields).toMatchObject({ code: "40001", severity: "ERROR" });
  });

  test("N1: of what may be committed nobody claims that it is rolled back", () => {
    const { fields } = lossError(true);
    expect(fields).toMatchObject({ code: "08007", severity: "ERROR" });
    expect(fields.message).not.toContain("rolled back");
  });
});

describe("would the client notice if another process went on?", () => {
  test("not between two requests, nor with the first bytes of a header read", () => {
    for (const said of [{}, { held: headHeld }])
      expect(goesOnUnnoticed(judgeConversation({ ...IDLE, ...said }, ACTUAL))).toBe(true);
  });

  test.each<[string, Partial<ConversationState>, Partial<typeof ACTUAL>]>([
    ["a request waits for its answer", { owed: 1 }, {}],
    ["a pipeline waits for its Sync", { unsynced: true }, {}],
    ["a block is open", inBlock, {}],
    ["a block has failed", failed, {}],
    ["it is encrypted", { tls: true }, {}],
    ["something is on a server", { holds: true }, {}],
    ["a message has come in part", { held: queryHeld }, {}],
    ["an answer has not left the process", {}, { written: 150 }],
    ["an answer has left in part", {}, { written: 170 }],
  ])("yes if %s", (_, said, actual) => {
    const verdict = judgeConversation({ ...IDLE, ...said }, { ...ACTUAL, ...actual });
    expect(goesOnUnnoticed(verdict)).toBe(false);
  });
});

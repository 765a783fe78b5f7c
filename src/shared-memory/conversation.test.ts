import { beforeEach, describe, expect, test } from "vitest";
import { FrameReader } from "../protocol/frame-reader.ts";
import { Status } from "../protocol/message-types.ts";
import { Conversation, type ConversationState } from "./conversation.ts";

const RECORD_INTS = 32;

/** The record in the middle of three: what is written beside it is found out. */
let ints: Int32Array;

function view(at = RECORD_INTS): Conversation {
  return new Conversation(ints, new Float64Array(ints.buffer), at);
}

/** What another process sees. */
const seen = (): ConversationState => view().state();

beforeEach(() => {
  ints = new Int32Array(3 * RECORD_INTS);
});

function begun(): Conversation {
  const conversation = view();
  conversation.reset();
  conversation.begin(100, 50, Status.idle, false);
  return conversation;
}

/** The first answer of a session has gone out. */
function idle(): Conversation {
  const conversation = begun();
  conversation.answers(Status.idle, false);
  conversation.writes(20);
  return conversation;
}

describe("a record", () => {
  test("N1: of a connection that has not logged in is not to be trusted", () => {
    view().reset();
    expect(seen().dirty).toBe(true);
  });

  test("N1: at the beginning of a session owes the answer to what was said so far", () => {
    begun();
    expect(seen()).toEqual({
      dirty: false,
      status: Status.idle,
      tls: false,
      holds: false,
      uncertain: false,
      uncertainBefore: false,
      read: 100,
      written: 50,
      writtenBefore: 50,
      owed: 1,
      owedBefore: 1,
      unsynced: false,
      held: { bytes: 0, needed: 0, head: Buffer.alloc(0) },
    });
  });

  test("N1: says after an answer what was owed before it and what is owed now", () => {
    idle();
    expect(seen()).toMatchObject({ written: 70, writtenBefore: 50, owed: 0, owedBefore: 1 });
  });

  test("N1: is dirty from the bytes' coming until they are understood", () => {
    const conversation = idle();
    conversation.received(10);
    expect(seen()).toMatchObject({ dirty: true, read: 110 });
    conversation.requested("answered by itself");
    expect(seen().dirty).toBe(true);
    conversation.understood(0, 0, 0);
    expect(seen()).toMatchObject({ dirty: false, read: 110, owed: 1 });
  });

  test("N1: counts beyond what an integer holds", () => {
    const conversation = idle();
    conversation.received(5_000_000_000);
    conversation.understood(0, 0, 0);
    conversation.writes(6_000_000_000);
    expect(seen()).toMatchObject({ read: 5_000_000_100, written: 6_000_000_070, writtenBefore: 70 });
  });

  test("touches nothing of its neighbours", () => {
    const conversation = idle();
    conversation.received(0x7fff_ffff);
    conversation.requested("until Sync");
    conversation.understood(3, 0, -1);
    conversation.mayCommit();
    conversation.answers(Status.failed, true);
    conversation.writes(1);
    const others = [...ints.subarray(0, RECORD_INTS), ...ints.subarray(2 * RECORD_INTS)];
    expect(others.every((int) => int === 0)).toBe(true);
    // Nor what the table of sessions has in front of it in the same record.
    expect(ints.subarray(RECORD_INTS, RECORD_INTS + 12).every((int) => int === 0)).toBe(true);
  });
});

describe("requests", () => {
  test("N1: each Query and Sync is owed an answer of its own; one write may answer several", () => {
    const conversation = idle();
    for (let i = 0; i < 3; i++) conversation.requested("answered by itself");
    expect(seen().owed).toBe(3);
    conversation.answers(Status.idle, false);
    conversation.answers(Status.idle, false);
    // Nothing has been written yet.
    expect(seen()).toMatchObject({ owed: 3 });
    conversation.writes(40);
    expect(seen()).toMatchObject({ owed: 1, owedBefore: 3 });
    conversation.writes(1);
    expect(seen()).toMatchObject({ owed: 1, owedBefore: 1 });
  });

  test("N1: of the extended protocol are owed nothing before their Sync", () => {
    const conversation = idle();
    conversation.requested("until Sync");
    conversation.requested("until Sync");
    expect(seen()).toMatchObject({ owed: 0, unsynced: true });
    conversation.requested("answered by itself");
    expect(seen()).toMatchObject({ owed: 1, unsynced: false });
    conversation.requested("until Sync");
    expect(seen()).toMatchObject({ owed: 1, unsynced: true });
  });

  test("N1: a Sync within a COPY is part of it", () => {
    const conversation = idle();
    conversation.requested("answered by itself");
    conversation.requested("answered by itself");
    conversation.requestIgnored();
    expect(seen()).toMatchObject({ owed: 1, unsynced: false });
  });

  test("N1: a COPY of the extended protocol still waits for its Sync when one was part of it", () => {
    const conversation = idle();
    conversation.requested("until Sync");
    conversation.requested("answered by itself");
    conversation.requestIgnored();
    expect(seen()).toMatchObject({ owed: 0, unsynced: true });
    conversation.requested("answered by itself");
    expect(seen()).toMatchObject({ owed: 1, unsynced: false });
  });
});

describe("what the session is in", () => {
  test("N1: its status and what it holds are those of the last ReadyForQuery", () => {
    const conversation = idle();
    conversation.answers(Status.inTransaction, true);
    expect(seen()).toMatchObject({ status: Status.inTransaction, holds: true });
    conversation.answers(Status.idle, false);
    expect(seen()).toMatchObject({ status: Status.idle, holds: false });
  });

  test("N1: a commit is uncertain until its answer", () => {
    const conversation = idle();
    conversation.mayCommit();
    expect(seen().uncertain).toBe(true);
    // Rows of the statement are no answer.
    conversation.writes(1);
    expect(seen()).toMatchObject({ uncertain: true, uncertainBefore: true });
    conversation.answers(Status.idle, false);
    expect(seen().uncertain).toBe(true);
    conversation.writes(1);
    expect(seen()).toMatchObject({ uncertain: false, uncertainBefore: true });
    conversation.writes(1);
    expect(seen().uncertainBefore).toBe(false);
  });

  test("N1: an encrypted connection stays one", () => {
    const conversation = view();
    conversation.begin(1, 1, Status.idle, true);
    conversation.answers(Status.idle, true);
    expect(seen()).toMatchObject({ tls: true, holds: true });
    conversation.answers(Status.idle, false);
    expect(seen()).toMatchObject({ tls: true, holds: false });
  });
});

describe("an incomplete message", () => {
  /** A Query message of 20 bytes. */
  const message = Buffer.concat([Buffer.from([0x51, 0, 0, 0, 19]), Buffer.alloc(15, 0x41)]);

  test.each(Array.from({ length: message.length - 1 }, (_, i) => [i + 1]))(
    "N1: cut behind %i bytes",
    (cut) => {
      const reader = new FrameReader({ frame: () => {}, invalidLength: () => {} }, () => 1000);
      reader.push(message.subarray(0, cut));
      const conversation = idle();
      conversation.received(cut);
      conversation.understood(reader.heldBytes, reader.neededBytes, reader.heldHead);
      expect(seen().held).toEqual({
        bytes: cut,
        needed: cut < 5 ? 0 : 20,
        head: message.subarray(0, Math.min(cut, 4)),
      });
    },
  );

  test("N1: is forgotten when it has come", () => {
    const conversation = idle();
    conversation.received(4);
    conversation.understood(4, 0, 0x51000000);
    conversation.received(6);
    conversation.understood(0, 0, 0);
    expect(seen().held).toEqual({ bytes: 0, needed: 0, head: Buffer.alloc(0) });
  });
});

test("N1: who goes on begins where the other stopped", () => {
  idle().answers(Status.inTransaction, true);
  const held = { bytes: 3, needed: 0, head: Buffer.from([0x51, 0xff, 0xfe]) };
  const heir = view();
  heir.goOn({
    read: 500,
    written: 400,
    status: Status.failed,
    owed: 2,
    unsynced: true,
    held,
    uncertain: true,
  });
  expect(seen()).toEqual({
    dirty: false,
    status: Status.failed,
    tls: false,
    holds: false,
    uncertain: true,
    uncertainBefore: false,
    read: 500,
    written: 400,
    writtenBefore: 400,
    owed: 2,
    owedBefore: 2,
    unsynced: true,
    held,
  });
  heir.answers(Status.failed, false);
  heir.answers(Status.failed, false);
  heir.writes(30);
  expect(seen()).toMatchObject({ written: 430, writtenBefore: 400, owed: 0, owedBefore: 2 });
});

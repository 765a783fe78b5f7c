/** Rows S3 and S13 of the failure catalogue: bytes that no driver sends. Plain PostgreSQL gets the same ones and says what is right. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RandomSource } from "../oracle/random-source.ts";
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describe as describeMessage,
  execute,
  flush,
  frame,
  int32,
  parse,
  query,
  sync,
  terminate,
} from "../wire/frames.ts";
import { sameTalk, startBothServers, type BothServers } from "./both-servers.ts";
import { converse, shout, type ConversationOptions } from "./conversation.ts";

let servers: BothServers;

beforeAll(async () => {
  servers = await startBothServers();
});

afterAll(() => servers?.stop());

function expectSame(bytes: readonly Buffer[], options: ConversationOptions = {}): Promise<string[]> {
  return sameTalk(servers, (at) => converse(at, bytes, options));
}

/** A header that says what it likes. */
function header(type: string, length: number, body = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from(type, "latin1"), int32(length), body]);
}

const select = query("SELECT token FROM tokens WHERE k = 7");

describe("frames that cannot be", () => {
  const impossible: readonly (readonly [string, Buffer])[] = [
    ["an unknown type", header("!", 4)],
    ["type zero", header("\0", 4)],
    ["a byte above ASCII", header("\xff", 4)],
    ["a password when nobody asked", frame("p", "secret")],
    ["length 0", header("Q", 0)],
    ["length 3", header("Q", 3)],
    ["length -1", header("Q", -1)],
    ["the least length there is", header("P", -0x80000000)],
    ["the greatest length there is", header("Q", 0x7fffffff)],
    ["a Sync of 20,000 bytes", header("S", 20_004, Buffer.alloc(20_000))],
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["zeros", Buffer.alloc(64)],
  ];

  test.each(impossible)("S13: %s ends the connection", async (_what, bytes) => {
    expect((await expectSame([bytes])).at(-1)).toBe("closed");
  });

  test.each(impossible)("S13: %s after a query, whose answer still comes", async (_what, bytes) => {
    expect(await expectSame([select, bytes])).toEqual(["T 1", "D token-7", "C SELECT 1", "Z I", "closed"]);
  });

  test("S13: a frame that is never finished, and a client that goes in the middle of it", async () => {
    await expectSame([header("Q", 100, Buffer.from("SELECT"))], { halfClose: true });
    await expectSame([Buffer.from("Q\0")], { halfClose: true });
  });

  test("S13: random bytes", async () => {
    const seed = Number(process.env["SEED"] ?? 13);
    const random = new RandomSource(seed);
    for (let i = 0; i < 40; i++) {
      const bytes = Buffer.from(Array.from({ length: random.int(1, 60) }, () => random.int(0, 255)));
      // With a real type in front every other time, so that more than the type is looked at.
      if (random.chance(0.5)) bytes.write(random.pick([..."QPBDECHSFXdcf"]), 0, "latin1");
      await expectSame([bytes], { halfClose: true }).catch((error: unknown) => {
        throw new Error(`seed ${seed}, bytes ${bytes.toString("hex")}: ${String(error)}`);
      });
    }
  });
});

describe("messages whose body is wrong", () => {
  const statement = parse("s", "SELECT token FROM tokens WHERE k = $1", [23]);
  const prepared = [statement, bind("p", "s", ["7"])];

  test.each<readonly [string, readonly Buffer[]]>([
    ["a query without its last zero", [frame("Q", Buffer.from("SELECT 1"))]],
    ["a query with a zero inside", [frame("Q", Buffer.from("SELECT 1\0;SELECT 2\0"))]],
    ["an empty body", [frame("Q")]],
    ["a Sync with a body", [frame("S", "x")]],
    ["a Flush with a body", [frame("H", "x")]],
    ["a Terminate with a body", [frame("X", "x")]],
    ["Parse that says more types than it has", [frame("P", "", "SELECT 1", 3, int32(23))]],
    ["Parse with bytes too many", [frame("P", "", "SELECT 1", 0, 7)]],
    ["Describe of neither statement nor portal", [frame("D", Buffer.from("X"), "s")]],
    ["Close of neither statement nor portal", [frame("C", Buffer.from("X"), "s")]],
    ["Bind with too few values", [statement, bind("", "s", [])]],
    ["Bind with too many values", [statement, bind("", "s", ["1", "2"])]],
    ["Bind with a value of length -2", [statement, frame("B", "", "s", 0, 1, int32(-2), 0)]],
    [
      "Bind with a value longer than the message",
      [statement, frame("B", "", "s", 0, 1, int32(1_000_000), 0)],
    ],
    [
      "Bind with two formats for one value",
      [statement, frame("B", "", "s", 2, 0, 0, 1, int32(1), Buffer.from("7"), 0)],
    ],
    ["Bind with format 7", [statement, frame("B", "", "s", 1, 7, 1, int32(1), Buffer.from("7"), 0)]],
    [
      "Bind with two result formats for one column",
      [statement, frame("B", "", "s", 0, 1, int32(1), Buffer.from("7"), 2, 0, 0)],
    ],
    [
      "Bind with binary of a wrong length",
      [statement, frame("B", "", "s", 1, 1, 1, int32(3), Buffer.from("abc"), 0)],
    ],
    ["a negative row limit", [...prepared, execute("p", -5)]],
    ["a copy message out of place", [copyData(Buffer.from("1\n")), copyDone(), copyFail("no")]],
  ])("S13: %s", async (_what, bytes) => {
    await expectSame(bytes);
    await expectSame([...bytes, sync(), select]);
  });

  test.each<readonly [string, Buffer, readonly Buffer[]]>([
    ["Parse", statement, []],
    ["Bind", frame("B", "p", "s", 1, 0, 1, int32(1), Buffer.from("7"), 1, 0), [statement]],
    ["Describe", describeMessage("S", "s"), [statement]],
    ["Execute", execute("p"), prepared],
    ["Close", close("P", "p"), prepared],
    ["Query", select, []],
  ])("S3: %s cut short anywhere, and the next message is understood", async (_what, message, before) => {
    for (let size = 5; size < message.length; size++) {
      const cut = Buffer.from(message.subarray(0, size));
      cut.writeInt32BE(size - 1, 1);
      await expectSame([...before, cut, execute("p"), sync(), select]);
    }
  });
});

describe("messages in the wrong state", () => {
  const copy = query("COPY tokens FROM STDIN");

  test.each<readonly [string, readonly Buffer[]]>([
    ["a query during COPY", [copy, select]],
    ["Parse during COPY", [copy, parse("", "SELECT 1")]],
    ["Sync and Flush during COPY, which are nothing", [copy, sync(), flush(), copyFail("enough")]],
    [
      "a garbled row, and data behind the error",
      [copy, copyData(Buffer.from("x\ty\n")), copyData(Buffer.from("1\t2\n")), copyDone()],
    ],
    ["COPY twice ended", [copy, copyFail("a"), copyFail("b"), copyDone()]],
    [
      "COPY in the extended protocol without end",
      [parse("", "COPY tokens FROM STDIN"), bind("", ""), execute(""), sync()],
    ],
    ["Execute of a portal that never was", [execute("nobody")]],
    ["Bind of a statement that never was", [bind("", "nobody")]],
    ["Describe of what never was", [describeMessage("P", "nobody")]],
    ["Close of what never was, which is no error", [close("S", "nobody"), close("P", "nobody")]],
    ["a statement's name twice", [parse("a", "SELECT 1"), parse("a", "SELECT 2")]],
    ["a portal's name twice", [parse("a", "SELECT 1"), bind("p", "a"), bind("p", "a")]],
    ["a portal after its transaction", [parse("a", "SELECT 1"), bind("p", "a"), sync(), execute("p")]],
    ["a query between Bind and Execute", [parse("", "SELECT 1"), bind("", ""), select, execute("")]],
    ["a query while messages are skipped", [parse("", "SELEC"), select, sync(), select]],
  ])("S13: %s", async (_what, bytes) => {
    await expectSame(bytes);
  });

  test("S12: a client that closes its half behind a query still gets the answer", async () => {
    expect(await expectSame([select], { halfClose: true })).toEqual([
      "T 1",
      "D token-7",
      "C SELECT 1",
      "Z I",
      "closed",
    ]);
    await expectSame([query("BEGIN"), select], { halfClose: true });
    await expectSame([copy, copyData(Buffer.from("99\tx\n"))], { halfClose: true });
    await expectSame([query("SELECT count(*) FROM tokens WHERE k = 99")], { halfClose: true });
    await expectSame([terminate()], { halfClose: true });
  });
});

describe("before the session", () => {
  test.each([
    ["nothing that makes sense", Buffer.from("hello, is anybody there?\r\n")],
    ["a length of 0", Buffer.alloc(8)],
    ["a length of 2 GB", Buffer.from("7fffffff00030000", "hex")],
    ["a packet of 10,005 bytes", Buffer.concat([int32(10_005), int32(196608), Buffer.alloc(9_997)])],
    ["no user", Buffer.from("000000090003000000", "hex")],
    ["protocol 4.0", Buffer.from("0000000800040000", "hex")],
    ["a cancel for nobody", Buffer.from("0000001004d2162e0000000100000002", "hex")],
    ["a cancel without key", Buffer.from("0000000804d2162e", "hex")],
  ])(
    "S13: %s: the same first byte and the same SQLSTATE, and the next client is served",
    async (_what, bytes) => {
      const [right, heard] = await Promise.all([shout(servers.plain, bytes), shout(servers.subject, bytes)]);
      expect(heard.slice(0, 1)).toBe(right.slice(0, 1));
      expect(/\0C(\w{5})\0/.exec(heard)?.[1]).toBe(/\0C(\w{5})\0/.exec(right)?.[1]);
      expect(await expectSame([select])).toContain("D token-7");
    },
  );
});

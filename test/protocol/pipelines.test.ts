/**
 * Rows S3 and S4: the extended protocol in any order that its rules allow and in some that they do not, over backends that sessions
 * share. Plain PostgreSQL gets the same messages; meanwhile others check that every row they get is theirs.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RandomSource } from "../oracle/random-source.ts";
import { WireConnection } from "../wire/connection.ts";
import {
  bind,
  close,
  describe as describeMessage,
  execute,
  flush,
  parse,
  query,
  sync,
} from "../wire/frames.ts";
import { sameTalk, startBothServers, tokenOf, tokenRows, type BothServers } from "./both-servers.ts";
import { converse, converseInSteps, summary } from "./conversation.ts";

let servers: BothServers;

beforeAll(async () => {
  servers = await startBothServers();
});

afterAll(() => servers?.stop());

const expectSame = (bytes: readonly Buffer[]): Promise<string[]> =>
  sameTalk(servers, (at) => converse(at, bytes));

const expectSameSteps = (steps: Parameters<typeof converseInSteps>[1]): Promise<string[]> =>
  sameTalk(servers, (at) => converseInSteps(at, steps));

const byKey = "SELECT token FROM tokens WHERE k = $1";
const inOrder = "SELECT k, token FROM tokens ORDER BY k LIMIT 5";

describe("answers come at Flush", () => {
  test("S4: Parse and Describe, then Bind and Execute, without a Sync in between", async () => {
    await expectSameSteps([
      { send: [parse("s", byKey, [23]), describeMessage("S", "s"), flush()], until: "T" },
      { send: [bind("p", "s", ["3"]), describeMessage("P", "p"), flush()], until: "T" },
      { send: [execute("p"), flush()], until: "C" },
      { send: [sync()], until: "Z" },
    ]);
  });

  test("S4: each message with a Flush of its own", async () => {
    await expectSameSteps([
      { send: [parse("", byKey, [23]), flush()], until: "1" },
      { send: [bind("", "", ["4"]), flush()], until: "2" },
      { send: [execute(""), flush()], until: "C" },
      { send: [close("P", ""), flush()], until: "3" },
      { send: [sync()], until: "Z" },
    ]);
  });

  test.each([inOrder, "SELECT g FROM generate_series(1, 5) g"])(
    "S4: a portal read two rows at a time, as cursors of drivers do: %s",
    async (sql) => {
      await expectSameSteps([
        { send: [query("BEGIN")], until: "Z" },
        { send: [parse("", sql), bind("c", ""), describeMessage("P", "c"), flush()], until: "T" },
        { send: [execute("c", 2), flush()], until: "s" },
        { send: [execute("c", 2), sync()], until: "Z" },
        { send: [execute("c", 2), flush()], until: "C" },
        { send: [execute("c", 2), flush()], until: "C" },
        { send: [close("P", "c"), sync()], until: "Z" },
        { send: [query("COMMIT")], until: "Z" },
      ]);
    },
  );

  test("S4: an error is told at once, what follows is skipped until Sync", async () => {
    await expectSameSteps([
      { send: [parse("", "SELECT nothing FROM nowhere"), describeMessage("S", "")], until: "E" },
      { send: [bind("", ""), execute(""), flush(), sync()], until: "Z" },
      { send: [parse("", byKey, [23]), bind("", "", ["9"]), execute(""), sync()], until: "Z" },
    ]);
  });
});

describe("pipelines", () => {
  const ask = (k: number | string) => [parse("", byKey, [23]), bind("", "", [String(k)]), execute("")];

  test.each<readonly [string, readonly Buffer[]]>([
    ["many statements, one Sync", [...ask(1), ...ask(2), ...ask(3), sync()]],
    ["many statements, each with its Sync", [...ask(1), sync(), ...ask(2), sync(), ...ask(3), sync()]],
    ["Syncs without anything", [sync(), sync(), sync()]],
    [
      "Close in the middle",
      [
        parse("s", byKey, [23]),
        bind("p", "s", ["1"]),
        execute("p"),
        close("P", "p"),
        close("S", "s"),
        bind("p", "s", ["2"]),
        execute("p"),
        sync(),
      ],
    ],
    [
      "a portal outlives its statement",
      [parse("s", byKey, [23]), bind("p", "s", ["1"]), close("S", "s"), execute("p")],
    ],
    [
      "the unnamed statement is replaced",
      [parse("", "SELECT 1"), parse("", "SELECT 2"), bind("", ""), execute("")],
    ],
    ["an error in the middle of three", [...ask(1), ...ask("x"), ...ask(3), sync(), ...ask(4)]],
    [
      "an error at execution in the middle",
      [
        ...ask(1),
        parse("", "SELECT 1/(k-5) FROM tokens WHERE k = 5"),
        bind("", ""),
        execute(""),
        ...ask(2),
        sync(),
        ...ask(6),
      ],
    ],
    [
      "a write undone by a later error",
      [
        parse("", "INSERT INTO tokens VALUES (900, 'x')"),
        bind("", ""),
        execute(""),
        ...ask("x"),
        sync(),
        ...ask(900),
      ],
    ],
    [
      "a write kept at Sync",
      [
        parse("", "UPDATE tokens SET token = token WHERE k = 8"),
        bind("", ""),
        execute(""),
        sync(),
        ...ask(8),
      ],
    ],
    [
      "BEGIN inside, ROLLBACK outside",
      [
        parse("", "BEGIN"),
        bind("", ""),
        execute(""),
        ...ask(1),
        sync(),
        ...ask("x"),
        sync(),
        ...ask(2),
        sync(),
        query("ROLLBACK"),
        ...ask(3),
      ],
    ],
    [
      "more rows than Execute asks for, outside a transaction, oftener than there are backends",
      Array.from({ length: 6 }, () => [
        parse("", "SELECT token FROM tokens WHERE k IN (SELECT 5)"),
        bind("", ""),
        execute("", 1),
        sync(),
        parse("", byKey),
        bind("", "", ["4"]),
        execute("", 1),
        sync(),
      ]).flat(),
    ],
    [
      "a query string of several statements",
      [query("SELECT 1; SELECT token FROM tokens WHERE k = 2; SELECT 1/0; SELECT 4"), ...ask(1)],
    ],
    [
      "an empty query, both ways",
      [query(""), query(" ; ;"), parse("", ""), bind("", ""), describeMessage("P", ""), execute("")],
    ],
    [
      "a statement described, not run",
      [parse("s", inOrder), describeMessage("S", "s"), describeMessage("S", "s")],
    ],
  ])("S4: %s", async (_what, bytes) => {
    await expectSame(bytes);
  });
});

/** Messages drawn at random: mostly sensible ones, over few names, so that they meet. */
function randomMessages(random: RandomSource): Buffer[] {
  const names = ["", "a", "b"];
  const name = () => random.pick(names);
  const statements = [
    byKey,
    byKey,
    inOrder,
    "SELECT 1/($1::int - 1)",
    "SELECT nothing",
    "SELEC",
    "",
    "SELECT $1::text || 'x'",
    "BEGIN",
    "ROLLBACK",
    "SAVEPOINT s",
    "SET application_name = 'y'",
  ];
  const strings = ["SELECT 1/0", "SELECT token FROM tokens WHERE k = 3", "ROLLBACK", "BEGIN"];
  return Array.from({ length: random.int(3, 14) }, () =>
    random.weighted<() => Buffer>([
      [4, () => parse(name(), random.pick(statements))],
      [6, () => bind(name(), name(), random.pick([["7"], ["1"], [], [null], ["x"]]))],
      [2, () => describeMessage(random.pick(["S", "P"] as const), name())],
      [6, () => execute(name(), random.pick([0, 0, 1, 2]))],
      [1, () => close(random.pick(["S", "P"] as const), name())],
      [2, () => sync()],
      [1, () => flush()],
      // Behind a Sync: a Query in the middle of a pipeline leaves even PostgreSQL 18 in a state that it did not mean.
      [1, () => Buffer.concat([sync(), query(random.pick(strings))])],
    ])(),
  );
}

/** Asks for rows by their keys, in pipelines of random length, until told to stop. Throws at the first row that is not its own. */
async function checkTokens(seed: number, stopped: () => boolean): Promise<number> {
  const random = new RandomSource(seed);
  const connection = await WireConnection.connect(servers.subject);
  let rows = 0;
  try {
    while (!stopped()) {
      const keys = Array.from({ length: random.int(1, 4) }, () => random.int(1, tokenRows));
      const messages = keys.flatMap((k) => [parse("", byKey, [23]), bind("", "", [String(k)]), execute("")]);
      connection.send(...messages, sync());
      const answers = (await connection.until("Z")).filter(({ type }) => type !== "S").map(summary);
      expect(answers).toEqual([...keys.flatMap((k) => ["1", "2", `D ${tokenOf(k)}`, "C SELECT 1"]), "Z I"]);
      rows += keys.length;
    }
    return rows;
  } finally {
    connection.socket.destroy();
  }
}

test("S3: random messages are answered as by PostgreSQL, and whoever shares the backends gets only rows of his own", async () => {
  const seed = Number(process.env["SEED"] ?? 4);
  const random = new RandomSource(seed);
  let over = false;
  const checkers = Promise.allSettled([1, 2, 3].map((n) => checkTokens(seed + n, () => over)));
  try {
    for (let i = 0; i < 120; i++) {
      const bytes = randomMessages(random);
      await expectSame(bytes).catch((error: unknown) => {
        const sent = bytes.map((message) => JSON.stringify(message.toString("latin1"))).join("\n");
        throw new Error(`seed ${seed}, conversation ${i}: ${String(error)}\n${sent}`, { cause: error });
      });
    }
  } finally {
    over = true;
  }
  for (const checker of await checkers) expect(checker).toMatchObject({ status: "fulfilled" });
});

test("S3: clients that vanish in the middle of anything leave nothing for the next one on their backend", async () => {
  let over = false;
  const checkers = Promise.allSettled([11, 12].map((n) => checkTokens(n, () => over)));
  const random = new RandomSource(9);
  try {
    for (let i = 0; i < 60; i++) {
      const connection = await WireConnection.connect(servers.subject);
      const bytes = Buffer.concat(randomMessages(random));
      connection.send(bytes.subarray(0, random.int(1, bytes.length)));
      if (random.chance(0.5)) await new Promise((resolve) => setTimeout(resolve, random.int(0, 8)));
      connection.vanish();
    }
  } finally {
    over = true;
  }
  for (const checker of await checkers) expect(checker).toMatchObject({ status: "fulfilled" });
});

/** Cursors as of one PostgreSQL, wherever their rows come from (row S11), also under the extended protocol (row S4). */
import { expect, test } from "vitest";
import { line } from "../sides/conversation.ts";
import { bothSides } from "../sides/both-sides.ts";
import { endpointOf, WireConnection } from "../wire/connection.ts";
import {
  bind,
  close as closeMessage,
  describe as describeMessage,
  execute,
  flush,
  parse,
  sync,
  type Frame,
} from "../wire/frames.ts";

const sides = bothSides([
  "CREATE TABLE keyed (k int PRIMARY KEY, v text) DISTRIBUTE BY HASH (k)",
  "INSERT INTO keyed SELECT i, 'v' || i FROM generate_series(1, 20) i",
]);
const { same } = sides;

const ORDERED = "FOR SELECT k, v FROM keyed ORDER BY k";

test("S11: every direction of FETCH and MOVE", () =>
  same(
    "BEGIN",
    `DECLARE c SCROLL CURSOR ${ORDERED}`,
    ...[
      "3 FROM c",
      "NEXT FROM c",
      "PRIOR c",
      "LAST c",
      "BACKWARD 2 IN c",
      "ABSOLUTE 4 c",
      "RELATIVE -2 c",
    ].map((what) => `FETCH ${what}`),
    "MOVE FORWARD 5 IN c",
    "FETCH ALL c",
    "MOVE ABSOLUTE 0 c",
    "FETCH FORWARD 0 c",
    "FETCH 2 c",
    "CLOSE c",
    "FETCH c",
    "ROLLBACK",
  ));

test("S11: on one node, on the catalog node, and with an error in the middle", () =>
  same(
    "BEGIN",
    "DECLARE one CURSOR FOR SELECT v FROM keyed WHERE k = 7",
    "DECLARE none CURSOR FOR SELECT generate_series(1, 3)",
    "FETCH ALL one",
    "FETCH 2 none",
    "DECLARE bad CURSOR FOR SELECT 1 / (3 - g) FROM generate_series(1, 5) g",
    "FETCH 2 bad",
    "FETCH 2 bad",
    "FETCH 1 none",
    "ROLLBACK",
  ));

test("S11: WITH HOLD outlives its transaction, unless that is undone", () =>
  same(
    "BEGIN",
    `DECLARE held CURSOR WITH HOLD ${ORDERED}`,
    "FETCH 2 held",
    "COMMIT",
    "FETCH 2 held",
    "BEGIN",
    "FETCH 1 held",
    `DECLARE gone CURSOR WITH HOLD ${ORDERED}`,
    "ROLLBACK",
    "FETCH 1 held",
    "FETCH 1 gone",
    "SELECT name, is_holdable, is_binary FROM pg_cursors",
    "CLOSE ALL",
    "FETCH held",
  ));

test("S11: a savepoint undoes the cursors that came after it", () =>
  same(
    "BEGIN",
    `DECLARE before CURSOR ${ORDERED}`,
    "SAVEPOINT a",
    `DECLARE after CURSOR ${ORDERED}`,
    "SAVEPOINT b",
    "FETCH 1 after",
    "RELEASE b",
    "FETCH 1 after",
    "ROLLBACK TO a",
    "FETCH 1 before",
    "FETCH 1 after",
    "ROLLBACK",
  ));

test("S11: what was written after DECLARE is not seen", () =>
  same(
    "BEGIN",
    `DECLARE c CURSOR ${ORDERED}`,
    "DELETE FROM keyed",
    "FETCH 2 c",
    "SELECT count(*) FROM keyed",
    "ROLLBACK",
  ));

test("S11: errors", () =>
  same(
    `DECLARE c CURSOR ${ORDERED}`,
    "FETCH c",
    "CLOSE c",
    "BEGIN",
    "DECLARE c CURSOR FOR SELECT nope FROM keyed",
    "ROLLBACK",
    "BEGIN",
    `DECLARE c CURSOR ${ORDERED}`,
    `DECLARE c CURSOR ${ORDERED}`,
    "ROLLBACK",
  ));

test("S4: FETCH by Parse, Describe, Bind, Execute and Flush, in text and binary", async () => {
  const answers: Frame[][] = [];
  for (const url of [sides.plain.url, sides.pleiad.url]) {
    const connection = await WireConnection.connect(endpointOf(url));
    const frames: Frame[] = [];
    connection.send(
      parse("", "BEGIN"),
      bind("", ""),
      execute(""),
      parse("", `DECLARE c CURSOR ${ORDERED}`),
      bind("", ""),
      execute(""),
      flush(),
    );
    frames.push(...(await connection.until("C")), ...(await connection.until("C")));
    connection.send(
      parse("f", "FETCH 2 FROM c"),
      describeMessage("S", "f"),
      bind("", "f"),
      describeMessage("P", ""),
      execute(""),
      flush(),
    );
    frames.push(...(await connection.until("C")));
    connection.send(bind("", "f"), execute(""), sync());
    frames.push(...(await connection.until("Z")));
    await connection.close();
    answers.push(frames);
  }
  const shape = (frames: Frame[]): string[] => frames.map((f) => `${f.type} ${line(f).join()}`);
  expect(shape(answers[1]!)).toEqual(shape(answers[0]!));
});

test("S4: a cursor of DECLARE is a portal: Describe and Close by its name", async () => {
  const answers: Frame[][] = [];
  for (const url of [sides.plain.url, sides.pleiad.url]) {
    const connection = await WireConnection.connect(endpointOf(url));
    const frames: Frame[] = [];
    const ask = async (...messages: Buffer[]): Promise<void> => {
      connection.send(...messages, sync());
      frames.push(...(await connection.until("Z")));
    };
    await ask(parse("", "BEGIN"), bind("", ""), execute(""));
    await ask(parse("", `DECLARE "C d" BINARY CURSOR ${ORDERED}`), bind("", ""), execute(""));
    await ask(describeMessage("P", "C d"));
    await ask(closeMessage("P", "C d"));
    await ask(describeMessage("P", "C d"));
    await connection.close();
    answers.push(frames);
  }
  const shape = (frames: Frame[]): string[] => frames.map((f) => `${f.type} ${line(f).join()}`);
  expect(shape(answers[1]!)).toEqual(shape(answers[0]!));
});

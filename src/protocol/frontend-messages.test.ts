import { describe, expect, test } from "vitest";
import {
  bindExecuteSync,
  bindWithTail,
  execute,
  readBind,
  readExecute,
  sync,
  textBindTail,
} from "./frontend-messages.ts";

describe("bindExecuteSync", () => {
  test.each([
    ["", "", [], 0],
    ["", "p1", ["42"], 0],
    ["c7", "p123", ["a", null, "", "x".repeat(10_000)], 100],
  ] as const)(
    "portal %j, statement %j: the three messages one behind the other",
    (portal, name, values, max) => {
      const tail = textBindTail(values, [1]);
      const apart = [bindWithTail(portal, name, tail), execute(portal, max), sync];
      expect(bindExecuteSync(portal, name, tail, max)).toEqual(Buffer.concat(apart));
    },
  );
});

describe("reading", () => {
  test("Bind: values, NULL, formats", () => {
    const message = bindWithTail("po", "st", textBindTail(["7", null, Buffer.from("é")], [0, 1]));
    expect(readBind(message, 5, message.length)).toMatchObject({
      portal: "po",
      statement: "st",
      parameterFormats: [],
      values: [Buffer.from("7"), null, Buffer.from("é")],
      resultFormats: [0, 1],
    });
  });

  test("a name without its zero within the message is refused, whatever stands behind it", () => {
    const message = Buffer.concat([execute("abc"), sync]);
    expect(() => readExecute(message, 5, 8)).toThrow("invalid string in message");
    expect(() => readExecute(message, 5, 5)).toThrow("invalid string in message");
  });
});

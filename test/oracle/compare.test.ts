import { expect, test } from "vitest";
import type { Answer, Outcome } from "./capture.ts";
import { compareOutcomes } from "./compare.ts";

function outcome(rows: (string | null)[][], change: Partial<Answer> = {}): Outcome {
  const column = {
    name: "a",
    type: "integer",
    origin: "",
    typeOid: 23,
    typeModifier: -1,
    tableOid: 0,
    attribute: 0,
  };
  const answer: Answer = {
    columns: [column],
    rows,
    tag: `SELECT ${rows.length}`,
    error: undefined,
    notices: [],
  };
  return { answers: [{ ...answer, ...change }], state: "I" };
}
const error = (sqlstate: string): Answer["error"] => ({
  sqlstate,
  message: "",
  detail: "",
  hint: "",
  position: "",
});

test("rows without ORDER BY are a multiset: duplicates count, order does not", () => {
  const plain = outcome([["1"], ["2"], ["2"]]);
  expect(compareOutcomes(plain, outcome([["2"], ["1"], ["2"]]), { ordered: false }).kind).toBe("same");
  expect(compareOutcomes(plain, outcome([["2"], ["1"], ["2"]]), { ordered: true }).kind).toBe("different");
  expect(compareOutcomes(plain, outcome([["1"], ["1"], ["2"]]), { ordered: false }).kind).toBe("different");
});

test("NULL is not the text NULL, and no field reads as two", () => {
  expect(compareOutcomes(outcome([[null]]), outcome([["NULL"]]), { ordered: false }).kind).toBe("different");
  expect(compareOutcomes(outcome([['1", "2']]), outcome([["1", "2"]]), { ordered: false }).kind).toBe(
    "different",
  );
});

test("0A000 of the subject alone is a refusal, any other error a difference", () => {
  const plain = outcome([["1"]]);
  expect(compareOutcomes(plain, outcome([], { error: error("0A000") }), { ordered: false }).kind).toBe(
    "refused",
  );
  expect(compareOutcomes(plain, outcome([], { error: error("XX000") }), { ordered: false }).kind).toBe(
    "different",
  );
  expect(
    compareOutcomes(outcome([], { error: error("22012") }), outcome([], { error: error("22012") }), {
      ordered: false,
    }).kind,
  ).toBe("same");
});

test("command tag, number of answers and transaction state count", () => {
  const plain = outcome([["1"]]);
  expect(compareOutcomes(plain, outcome([["1"]], { tag: "SELECT 2" }), { ordered: false }).kind).toBe(
    "different",
  );
  expect(compareOutcomes(plain, { ...plain, state: "T" }, { ordered: false }).kind).toBe("different");
  expect(compareOutcomes(plain, { answers: [], state: "I" }, { ordered: false }).kind).toBe("different");
});

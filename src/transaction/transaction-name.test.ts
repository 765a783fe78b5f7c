import { expect, test } from "vitest";
import { namerOf, transactionName } from "./transaction-name.ts";

test("T8: a name says whose it is", () => {
  expect(namerOf(transactionName({ epoch: 12, life: 345 }, 6))).toEqual({ epoch: 12, life: 345 });
  expect(transactionName({ epoch: 2 ** 31 - 1, life: 2 ** 31 - 1 }, 2 ** 53 - 1).length).toBeLessThan(200);
});

test.each(["pleiad_2pc_test_1_2", "pleiad_2pc_1_2", "pleiad_2pc_1_2_3x", "somebody_1_2_3"])(
  "T8: %s was given by no process that lives",
  (name) => expect(namerOf(name)).toBeUndefined(),
);

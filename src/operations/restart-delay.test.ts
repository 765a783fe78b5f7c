import { expect, test } from "vitest";
import { afterEnd, noRestarts, ofCoordinator } from "./restart-delay.ts";

test("at once the first time, then doubling up to ten seconds", () => {
  const delays: number[] = [];
  let history = noRestarts;
  for (let n = 0; n < 10; n++) {
    const next = afterEnd(history, 50);
    history = next.history;
    delays.push(next.delayMs);
  }
  expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
});

test("the coordinator: a few times per minute", () => {
  const delays: number[] = [];
  let history = noRestarts;
  for (let n = 0; n < 7; n++) {
    const next = afterEnd(history, 50, ofCoordinator);
    history = next.history;
    delays.push(next.delayMs);
  }
  expect(delays).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 20_000]);
});

test("a server that ran for long begins again without delay", () => {
  expect(afterEnd({ failures: 8 }, 60_000)).toEqual({ history: { failures: 1 }, delayMs: 0 });
});

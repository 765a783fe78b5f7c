import { expect, test } from "vitest";
import { Silence } from "./silence.ts";

const process = (life: number, beats: number) => ({ life, beats });

test("N9: a process without a beat is found, one that beats is not", () => {
  const silence = new Silence(0);
  let found: number[] = [];
  for (let second = 1; second <= 16; second++) {
    expect(found).toEqual([]);
    found = silence.look([process(1, second), process(2, 5)], second * 1000);
  }
  expect(silence.look([process(1, 17), process(2, 5)], 17_000)).toEqual([2]);
});

test("N9: a new life in the place of a silent one begins anew", () => {
  const silence = new Silence(0);
  for (let second = 1; second <= 14; second++) silence.look([process(1, 0)], second * 1000);
  for (let second = 15; second <= 30; second++)
    expect(silence.look([process(2, 0)], second * 1000)).toEqual([]);
  expect(silence.look([process(2, 0)], 31_000)).toEqual([2]);
});

test("N9: after the whole machine has stood still nobody is accused", () => {
  const silence = new Silence(0);
  for (let second = 1; second <= 5; second++) silence.look([process(1, 7)], second * 1000);
  expect(silence.look([process(1, 7)], 60_000)).toEqual([]);
  expect(silence.look([process(1, 7)], 61_000)).toEqual([]);
});

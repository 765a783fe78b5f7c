import { expect, test } from "vitest";
import { Peers } from "./peers.ts";

const coordinator = (epoch: number, renewed: number, seen = 0) => ({ epoch, renewed, seen });

test("N9: silent is who has not renewed for twelve seconds on our own clock", () => {
  const peers = new Peers();
  peers.look([coordinator(1, 5), coordinator(2, 9)], 1_000);
  peers.look([coordinator(1, 5), coordinator(2, 10)], 8_000);
  expect(peers.silent(12_999)).toEqual([]);
  expect(peers.silent(13_001)).toEqual([coordinator(1, 5)]);
  peers.look([coordinator(1, 6), coordinator(2, 10)], 13_001);
  expect(peers.silent(13_001)).toEqual([]);
  expect(peers.silent(20_001)).toEqual([coordinator(2, 10)]);
});

test("N9: one that begins anew is another one", () => {
  const peers = new Peers();
  peers.look([coordinator(1, 0)], 0);
  peers.look([coordinator(3, 0)], 11_000);
  expect(peers.silent(13_000)).toEqual([]);
});

test("a change is seen when every other acts on it; alone, at once", () => {
  const peers = new Peers();
  expect(peers.haveSeen(7)).toBe(true);
  peers.look([coordinator(1, 0, 7), coordinator(2, 0, 6)], 0);
  expect(peers.haveSeen(6)).toBe(true);
  expect(peers.haveSeen(7)).toBe(false);
  // The one that was behind is taken out.
  peers.look([coordinator(1, 1, 7)], 0);
  expect(peers.haveSeen(7)).toBe(true);
});

import { beforeEach, expect, test } from "vitest";
import { WriterStates, writerInts } from "../shared-memory/writer-states.ts";
import { Writing } from "./writing.ts";

const DATABASE = "shop";
let states: WriterStates;
let writing: Writing;
let inTransaction: boolean;
const mark = () => states.of(DATABASE, 1).mark;
const statement = (work: () => Promise<void> = async () => {}) =>
  writing.during("database", () => inTransaction, work);

beforeEach(() => {
  states = new WriterStates(new Int32Array(writerInts(2)));
  writing = new Writing(states.of(DATABASE, 0));
  inTransaction = false;
});

test("N8: a statement that stands alone counts while it runs, and also when it fails", async () => {
  const before = mark();
  await statement(async () => expect(mark()).toBeUndefined());
  const between = mark();
  expect(between).toBeDefined();
  expect(between).not.toEqual(before);
  await expect(statement(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(mark()).toBeDefined();
  expect(mark()).not.toEqual(between);
});

test("N8: those of a transaction count until it ends", async () => {
  inTransaction = true;
  await statement();
  await statement();
  expect(mark()).toBeUndefined();
  inTransaction = false;
  writing.transactionEnded();
  expect(mark()).toBeDefined();
});

test("N8: a statement that ends its own transaction counts until its own end", async () => {
  await statement(async () => {
    inTransaction = true;
    await statement();
    inTransaction = false;
    writing.transactionEnded();
    expect(mark()).toBeUndefined();
  });
  expect(mark()).toBeDefined();
});

test("N2: behind a lost connection nobody knows; the next statement is another matter", async () => {
  await statement(async () => writing.loseSight());
  expect(mark()).toBeUndefined();
  await statement();
  expect([...states.unsure.values()]).toEqual([1]);
  states.ended(states.unsure);
  expect(mark()).toBeDefined();
});

test("N2: a connection lost at a transaction's end is one of its statements' too", async () => {
  await statement(async () => {
    writing.loseSight();
    writing.transactionEnded();
  });
  expect(mark()).toBeUndefined();
});

import { describe, expect, test } from "vitest";
import { SessionState, SessionTable, sessionInts } from "./session-table.ts";

function tableOf(capacity: number): SessionTable {
  return new SessionTable(new Int32Array(sessionInts(capacity)));
}

describe("keys", () => {
  test("S9: the right key cancels its own session and no other", () => {
    const table = tableOf(4);
    const [one, two] = [table.allot()!, table.allot()!];
    const [keyOne, keyTwo] = [table.activate(one, 0, 1_000)!, table.activate(two, 2, 1_000)!];
    expect(keyOne).toHaveLength(4);
    expect(keyTwo).toHaveLength(32);
    expect(table.mayCancel(one, keyOne)).toBe(true);
    expect(table.mayCancel(two, keyTwo)).toBe(true);
    expect(table.mayCancel(one, keyTwo)).toBe(false);
    expect(table.mayCancel(two, keyOne)).toBe(false);
  });

  test("S9: a wrong key, a part of a key or an unknown number does nothing", () => {
    const table = tableOf(4);
    const id = table.allot()!;
    const key = table.activate(id, 2, 1_000)!;
    const wrong = Buffer.from(key);
    wrong[31]! ^= 1;
    expect(table.mayCancel(id, wrong)).toBe(false);
    expect(table.mayCancel(id, key.subarray(0, 4))).toBe(false);
    expect(table.mayCancel(id, Buffer.alloc(0))).toBe(false);
    expect(table.mayCancel(id, Buffer.concat([key, key]))).toBe(false);
    for (const number of [-id, 0, id + 1, id + table.capacity, -0x8000_0000, 0x7fff_ffff])
      expect(table.mayCancel(number, key), `${number}`).toBe(false);
    expect(table.mayCancel(id, key)).toBe(true);
  });

  test("S9: a key is worth nothing before the log-in, nor once its session is over", () => {
    const table = tableOf(2);
    const id = table.allot()!;
    expect(table.mayCancel(id, Buffer.alloc(0))).toBe(false);
    expect(table.mayCancel(id, Buffer.alloc(4))).toBe(false);
    const key = table.activate(id, 0, 1_000)!;
    table.close(id);
    expect(table.mayCancel(id, key)).toBe(false);
    table.free(id);
    expect(table.mayCancel(id, key)).toBe(false);
  });

  test("S9: all processes see the same keys", () => {
    const memory = new Int32Array(new SharedArrayBuffer(4 * sessionInts(4)));
    const [here, there] = [new SessionTable(memory), new SessionTable(memory)];
    const id = here.allot()!;
    const key = here.activate(id, 2, 1_000)!;
    expect(there.mayCancel(id, key)).toBe(true);
    expect(there.active).toBe(1);
    here.close(id);
    expect(there.mayCancel(id, key)).toBe(false);
    expect(there.active).toBe(0);
  });
});

describe("numbers", () => {
  test("one that comes round is not given to a second living connection", () => {
    const table = tableOf(3);
    const living = [table.allot()!, table.allot()!];
    for (let i = 0; i < 20; i++) {
      const passing = table.allot()!;
      expect(passing).toBeGreaterThan(0);
      expect(living).not.toContain(passing);
      expect(table.taken().toSorted((a, b) => a - b)).toEqual([...living, passing].toSorted((a, b) => a - b));
      table.close(passing);
      table.free(passing);
    }
  });

  test("S9: the next owner of a record has another number, and the old one opens nothing", () => {
    const table = tableOf(1);
    const old = table.allot()!;
    const oldKey = table.activate(old, 0, 1_000)!;
    table.close(old);
    table.free(old);
    const heir = table.allot()!;
    const key = table.activate(heir, 0, 1_000)!;
    expect(heir).not.toBe(old);
    expect(table.isCurrent(old)).toBe(false);
    expect(table.isCurrent(heir)).toBe(true);
    expect(table.mayCancel(old, oldKey)).toBe(false);
    expect(table.mayCancel(old, key)).toBe(false);
    expect(table.mayCancel(heir, oldKey)).toBe(false);
  });

  test("a second close does not harm the record's next owner", () => {
    const table = tableOf(1);
    const old = table.allot()!;
    table.activate(old, 0, 1_000)!;
    table.close(old);
    table.close(old);
    expect(table.active).toBe(0);
    table.free(old);
    table.close(old);
    const heir = table.allot()!;
    const key = table.activate(heir, 0, 1_000)!;
    table.close(old);
    expect(table.state(heir)).toBe(SessionState.active);
    expect(table.mayCancel(heir, key)).toBe(true);
    expect(table.active).toBe(1);
  });

  test("fit into the protocol's 32 bits for any size of the table", () => {
    for (const capacity of [1, 3, 3_000, 100_000]) {
      const table = tableOf(capacity);
      for (let i = 0; i < 5; i++) {
        const id = table.allot()!;
        expect(id).toBeGreaterThan(0);
        expect(id).toBeLessThanOrEqual(0x7fff_ffff);
        table.free(id);
      }
    }
  });
});

describe("records", () => {
  test("are given until all are taken, and again when one is free", () => {
    const table = tableOf(3);
    const ids = [table.allot()!, table.allot()!, table.allot()!];
    expect(new Set(ids).size).toBe(3);
    expect(table.allot()).toBeUndefined();
    table.close(ids[1]!);
    expect(table.allot()).toBeUndefined();
    table.free(ids[1]!);
    expect(table.allot()).toBeGreaterThan(0);
    expect(table.allot()).toBeUndefined();
  });

  test("a listener that takes over finds which are taken, and whose they are", () => {
    const memory = new Int32Array(sessionInts(5));
    const before = new SessionTable(memory);
    const ids = Array.from({ length: 4 }, () => before.allot()!);
    ids.forEach((id, i) => before.setOwner(id, i < 3 ? 7 : 8));
    before.activate(ids[0]!, 0, 1_000)!;
    before.activate(ids[1]!, 0, 1_000)!;
    before.close(ids[1]!);
    before.free(ids[2]!);
    const after = new SessionTable(memory);
    expect(after.taken()).toEqual([ids[0], ids[1], ids[3]]);
    expect(after.ownedBy(7)).toEqual([ids[0], ids[1]]);
    expect(after.ownedBy(8)).toEqual([ids[3]]);
    expect(after.ownedBy(9)).toEqual([]);
    expect(ids.map((id) => after.state(id))).toEqual([
      SessionState.active,
      SessionState.closed,
      SessionState.free,
      SessionState.arriving,
    ]);
  });

  test("a released session is given on once, counts as before, and is active again in its new process", () => {
    const table = tableOf(2);
    const id = table.allot()!;
    expect(table.isLoggedIn(id)).toBe(false);
    table.activate(id, 0, 1_000)!;
    expect(table.beginAssignment(id)).toBe(false);
    table.release(id);
    expect(table.isLoggedIn(id)).toBe(true);
    expect(table.beginAssignment(id)).toBe(true);
    expect(table.beginAssignment(id)).toBe(false);
    expect([table.isLoggedIn(id), table.active]).toEqual([true, 1]);
    table.resume(id);
    expect(table.state(id)).toBe(SessionState.active);
    table.release(id);
    table.close(id);
    table.resume(id);
    expect([table.state(id), table.active]).toEqual([SessionState.closed, 0]);
  });

  test("only logged-in clients count as active", () => {
    const table = tableOf(4);
    const [one, two, three] = [table.allot()!, table.allot()!, table.allot()!];
    expect(table.active).toBe(0);
    table.activate(one, 0, 1_000)!;
    table.activate(two, 2, 1_000)!;
    expect(table.active).toBe(2);
    table.close(three);
    expect(table.active).toBe(2);
    table.close(two);
    expect(table.active).toBe(1);
  });

  test("a new connection finds nothing of the one before: no owner, no key, a conversation not to be trusted", () => {
    const table = tableOf(1);
    const old = table.allot()!;
    table.setOwner(old, 5);
    table.conversation(old).begin(100, 200, 0x54, true);
    table.close(old);
    table.free(old);
    const id = table.allot()!;
    expect(table.owner(id)).toBe(0);
    expect(table.conversation(id).state()).toMatchObject({ dirty: true, read: 0, written: 0, tls: false });
  });

  test("neighbours' conversations are apart", () => {
    const table = tableOf(3);
    const ids = [table.allot()!, table.allot()!, table.allot()!];
    ids.forEach((id, i) => table.conversation(id).begin(i + 1, 10 * (i + 1), 0x49, false));
    const keys = ids.map((id) => table.activate(id, 2, 1_000)!);
    expect(ids.map((id) => table.conversation(id).state().read)).toEqual([1, 2, 3]);
    expect(ids.map((id) => table.conversation(id).state().written)).toEqual([10, 20, 30]);
    ids.forEach((id, i) => expect(table.mayCancel(id, keys[i]!)).toBe(true));
  });
});

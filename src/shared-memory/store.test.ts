import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SharedStore } from "./store.ts";
import type { PeerRequest } from "./testing/store-peer.ts";

const MB = 1024 * 1024;
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

let directory: string;
let store: SharedStore;

beforeEach(() => {
  directory = mkdtempSync(join(memory, "pleiad-store-test-"));
  store = new SharedStore(join(directory, "store"), { sizeBytes: 8 * MB });
});

afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

describe("values", () => {
  test("come back as copies", () => {
    const values = store.database("values", "cache");
    expect(values.put("a", Buffer.from("one"))).toBe(true);
    const first = values.get("a")!;
    values.put("a", Buffer.from("two"));
    expect(first.toString()).toBe("one");
    expect(values.get("a")!.toString()).toBe("two");
    expect(values.get("b")).toBeUndefined();
  });

  test.each([0, 1, 4_095, 5_000, 70_000, 2_000_000])("of %i bytes", (length) => {
    const values = store.database("values", "cache");
    const value = Buffer.alloc(length, "žluť");
    values.put("a", value);
    values.put("b", Buffer.alloc(length, 1));
    expect(values.get("a")!.equals(value)).toBe(true);
  });

  test("under any well-formed key, however long", () => {
    const values = store.database("values", "cache");
    const keys = ["a", "a\0", "a\0b", "žluť 🐎", "x".repeat(899), "x".repeat(900), "x".repeat(901)];
    keys.push("x".repeat(932), "x".repeat(50_000), `${"x".repeat(50_000)}y`);
    for (const key of keys) values.put(key, Buffer.from(`value of ${key}`));
    for (const key of keys) expect(values.get(key)!.toString()).toBe(`value of ${key}`);
    expect(values.get("x".repeat(49_999))).toBeUndefined();
  });

  test("of databases are apart", () => {
    store.database("one", "cache").put("a", Buffer.from("1"));
    expect(store.database("two", "kept").get("a")).toBeUndefined();
    expect(store.database("one", "cache").get("a")!.toString()).toBe("1");
  });

  test("are there for who opens the store later", async () => {
    store.database("values", "kept").put("a", Buffer.from("1"));
    await store.close();
    store = new SharedStore(join(directory, "store"), { sizeBytes: 8 * MB });
    expect(store.database("values", "kept").get("a")!.toString()).toBe("1");
  });
});

describe("removing", () => {
  test("by key and by prefix; long keys too", () => {
    const values = store.database("values", "cache");
    const long = `shop\0${"x".repeat(2_000)}`;
    for (const key of ["shop", "shop\0a", "shop\0ž", long, "shopping", "other"])
      values.put(key, Buffer.from("v"));
    expect(values.remove("nothing")).toBe(true);
    expect(values.remove("other")).toBe(true);
    expect(values.removePrefix("shop\0")).toBe(true);
    const left = ["shop", "shop\0a", "shop\0ž", long, "shopping", "other"].filter((key) => values.get(key));
    expect(left).toEqual(["shop", "shopping"]);
    expect(values.removePrefix("")).toBe(true);
    expect(values.get("shop")).toBeUndefined();
    expect(() => values.removePrefix("x".repeat(901))).toThrow(RangeError);
  });

  test("a thousand at once", () => {
    const values = store.database("values", "cache");
    for (let i = 0; i < 1_000; i++) values.put(`${i % 2}/${i}`, Buffer.alloc(500));
    values.removePrefix("0/");
    expect(values.get("0/500")).toBeUndefined();
    expect(values.get("1/501")).toHaveLength(500);
  });
});

describe("the bound", () => {
  test("caches are emptied when it is reached, kept values stay", () => {
    const plans = store.database("plans", "cache");
    const snapshots = store.database("snapshots", "cache");
    const kept = store.database("kept", "kept");
    kept.put("a", Buffer.from("stays"));
    let largest = 0;
    for (let i = 0; i < 4_000; i++) {
      expect(plans.put(`plan ${i}`, Buffer.alloc(500 + ((i * 7_919) % 9_000), i))).toBe(true);
      if (i % 50 === 0) expect(snapshots.put(`snapshot ${i}`, Buffer.alloc((i * 101) % (2 * MB)))).toBe(true);
      largest = Math.max(largest, store.fileBytes);
    }
    expect(largest).toBeLessThan(1.34 * 8 * MB);
    expect(plans.get("plan 0")).toBeUndefined();
    expect(plans.get("plan 3999")).toBeDefined();
    expect(kept.get("a")!.toString()).toBe("stays");
  });

  test("a value that is too large is not taken, nor are kept values without end", () => {
    const values = store.database("values", "cache");
    expect(values.put("a", Buffer.alloc(3 * MB))).toBe(false);
    const kept = store.database("kept", "kept");
    const taken = Array.from({ length: 20 }, (_, i) => kept.put(`${i}`, Buffer.alloc(MB)));
    expect(taken).toContain(true);
    expect(taken.at(-1)).toBe(false);
    expect(kept.get("0")).toHaveLength(MB);
  });

  test("a cache that cannot be used is as good as an empty one", async () => {
    const values = store.database("values", "cache");
    values.put("a", Buffer.from("1"));
    await store.close();
    expect(values.put("a", Buffer.from("2"))).toBe(false);
    expect(values.get("a")).toBeUndefined();
    expect(values.clear()).toBe(false);
    store = new SharedStore(join(directory, "store"), { sizeBytes: 8 * MB });
  });
});

describe("another process", () => {
  let peer: ChildProcess;

  async function startPeer(): Promise<void> {
    const script = fileURLToPath(new URL("./testing/store-peer.ts", import.meta.url));
    peer = fork(script, [join(directory, "store"), `${8 * MB}`], { execArgv: ["--import", "tsx"] });
    await once(peer, "message");
  }

  async function ask(request: PeerRequest): Promise<unknown> {
    peer.send(request);
    const [answer] = (await once(peer, "message")) as [unknown];
    return answer;
  }

  async function kill(): Promise<void> {
    const gone = once(peer, "exit");
    peer.kill("SIGKILL");
    await gone;
  }

  beforeEach(startPeer);

  afterEach(kill);

  test("reads what this one has put, and the other way round, always the newest", async () => {
    const values = store.database("values", "cache");
    for (let i = 0; i < 20; i++) {
      values.put("a", Buffer.from(`ours ${i}`));
      expect(await ask({ do: "get", key: "a" })).toBe(`ours ${i}`);
      expect(await ask({ do: "put", key: "a", value: `theirs ${i}` })).toBe(true);
      expect(values.get("a")!.toString()).toBe(`theirs ${i}`);
    }
    values.removePrefix("a");
    expect(await ask({ do: "get", key: "a" })).toBe(null);
  });

  test("is seen without the event loop turning in between", async () => {
    const values = store.database("values", "cache");
    await ask({ do: "put for ever" });
    const seen = new Set<number>();
    const end = Date.now() + 5_000;
    while (seen.size < 5 && Date.now() < end) seen.add(values.get("turn 0")?.[0] ?? -1);
    expect(seen.size).toBe(5);
  });

  test("may be killed while it puts: values are whole, and others can put", async () => {
    const values = store.database("values", "cache");
    for (let round = 0; round < 5; round++) {
      await ask({ do: "put for ever" });
      await new Promise((resolve) => setTimeout(resolve, 20 + round * 7));
      await kill();
      for (let turn = 0; turn < 50; turn++) {
        const value = values.get(`turn ${turn}`);
        expect(value === undefined || value.every((byte) => byte === value[0])).toBe(true);
      }
      expect(values.put("ours", Buffer.from(`${round}`))).toBe(true);
      expect(values.get("ours")!.toString()).toBe(`${round}`);
      await startPeer();
      expect(await ask({ do: "get", key: "ours" })).toBe(`${round}`);
    }
    expect(store.fileBytes).toBeLessThan(1.34 * 8 * MB);
  });
});

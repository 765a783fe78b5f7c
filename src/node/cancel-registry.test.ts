import { describe, expect, test, vi } from "vitest";
import { CancelRegistry } from "./cancel-registry.ts";

describe("cancel registry", () => {
  test("S9: the right key cancels its own session and no other", () => {
    const registry = new CancelRegistry();
    const [cancelOne, cancelTwo] = [vi.fn(), vi.fn()];
    const one = registry.register(0, cancelOne);
    const two = registry.register(2, cancelTwo);
    expect(one.key).toHaveLength(4);
    expect(two.key).toHaveLength(32);
    expect(registry.cancel(two.pid, two.key)).toBe(true);
    expect(cancelTwo).toHaveBeenCalledOnce();
    expect(cancelOne).not.toHaveBeenCalled();
  });

  test("S9: a wrong key, a part of a key, or another session's key does nothing", () => {
    const registry = new CancelRegistry();
    const cancel = vi.fn();
    const one = registry.register(2, cancel);
    const two = registry.register(2, cancel);
    expect(registry.cancel(one.pid, two.key)).toBe(false);
    expect(registry.cancel(one.pid, one.key.subarray(0, 4))).toBe(false);
    expect(registry.cancel(one.pid, Buffer.alloc(0))).toBe(false);
    expect(registry.cancel(-one.pid, one.key)).toBe(false);
    expect(cancel).not.toHaveBeenCalled();
  });

  test("S9: a key is worth nothing once its session is over", () => {
    const registry = new CancelRegistry();
    const cancel = vi.fn();
    const one = registry.register(0, cancel);
    one.release();
    expect(registry.cancel(one.pid, one.key)).toBe(false);
    expect(cancel).not.toHaveBeenCalled();
  });

  test("an id that comes round again is not given to a second living session", () => {
    const registry = new CancelRegistry(3);
    const register = () => registry.register(0, () => {});
    const living = [register(), register()];
    for (let i = 0; i < 10; i++) {
      const passing = register();
      expect(passing.pid + living[0]!.pid + living[1]!.pid).toBe(1 + 2 + 3);
      passing.release();
    }
  });

  test("a release that comes twice does not take the id's next owner", () => {
    const registry = new CancelRegistry(1);
    const old = registry.register(0, () => {});
    old.release();
    const cancel = vi.fn();
    const heir = registry.register(0, cancel);
    expect(heir.pid).toBe(old.pid);
    old.release();
    expect(registry.cancel(heir.pid, heir.key)).toBe(true);
  });
});

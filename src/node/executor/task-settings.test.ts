import { expect, test } from "vitest";
import { SessionSettings } from "../../transaction/settings.ts";
import { TaskSettings } from "./task-settings.ts";

test("with a role no two tasks have the same settings in force, without one all have", () => {
  const plain = new Map([["datestyle", "German"]]);
  expect(new TaskSettings(plain).key).toBe(new SessionSettings(plain).key);
  for (const name of ["role", "session_authorization"]) {
    const named = new Map([...plain, [name, "somebody"]]);
    const [one, other] = [new TaskSettings(named), new TaskSettings(named)];
    expect(one.key).toBe(one.key);
    expect(one.key).not.toBe(other.key);
    expect(one.sql).toBe(new SessionSettings(named).sql);
    expect(one.withoutIdentity().key).toBe(other.withoutIdentity().key);
  }
});

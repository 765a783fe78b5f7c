/** What a client sees on plain PostgreSQL decides what it has to see on Pleiad. */
import { expect } from "vitest";
import type { Endpoint } from "../wire/connection.ts";

/** Gives what was seen. */
export async function expectSame<T>(
  servers: { readonly plain: Endpoint; readonly subject: Endpoint },
  scenario: (at: Endpoint) => Promise<T>,
): Promise<T> {
  const [plain, subject] = [await scenario(servers.plain), await scenario(servers.subject)];
  expect(subject).toEqual(plain);
  return plain;
}

import { expect, test } from "vitest";
import { crc32c } from "./system-identifier.ts";

test("CRC-32C: the check value of its definition", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
});

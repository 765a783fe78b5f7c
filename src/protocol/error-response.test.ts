import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PgErrorFields } from "../errors/pg-error.ts";
import { errorResponse, noticeResponse, parseErrorFields } from "./error-response.ts";

const everyField: PgErrorFields = {
  severity: "ERROR",
  code: "23505",
  message: 'duplicate key value violates unique constraint "t_pkey"',
  detail: "Key (a)=(1) already exists.",
  hint: "h",
  position: 7,
  internalPosition: 3,
  internalQuery: "SELECT 1",
  where: "PL/pgSQL function f()",
  schema: "public",
  table: "t",
  column: "a",
  dataType: "integer",
  constraint: "t_pkey",
  file: "nbtinsert.c",
  line: "666",
  routine: "_bt_check_unique",
};

describe("error response", () => {
  test("all fields survive writing and reading", () => {
    const frame = errorResponse(everyField);
    expect(frame[0]).toBe(0x45);
    expect(frame.readInt32BE(1)).toBe(frame.length - 1);
    expect(parseErrorFields(frame, 5, frame.length)).toEqual(everyField);
  });

  test("a notice has the same body under another type", () => {
    const notice = noticeResponse(everyField);
    expect(notice[0]).toBe(0x4e);
    expect(notice.subarray(1)).toEqual(errorResponse(everyField).subarray(1));
  });

  test("the severity that programs compare wins over the translated one", () => {
    const body = Buffer.from("SFEHLER\0VERROR\0C42601\0MSyntaxfehler\0\0");
    expect(parseErrorFields(body, 0, body.length)).toEqual({
      severity: "ERROR",
      code: "42601",
      message: "Syntaxfehler",
    });
  });

  test("a body that ends early or has unknown fields is read as far as it goes", () => {
    const body = Buffer.from("C57P01\0zunknown\0Mgoing do");
    expect(parseErrorFields(body, 0, body.length)).toEqual({
      severity: "ERROR",
      code: "57P01",
      message: "going do",
    });
  });

  test("any text stays within its field", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (message, detail) => {
        const frame = errorResponse({ severity: "ERROR", code: "22000", message, detail });
        const clean = (text: string) => text.replaceAll("\0", "");
        expect(parseErrorFields(frame, 5, frame.length)).toEqual({
          severity: "ERROR",
          code: "22000",
          message: clean(message),
          detail: clean(detail),
        });
      }),
    );
  });
});

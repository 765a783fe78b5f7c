import { describe, expect, test } from "vitest";
import {
  authenticationOk,
  authenticationSasl,
  authenticationSaslContinue,
  authenticationSaslFinal,
  negotiateProtocolVersion,
  readAuthenticationRequest,
  readSaslInitialResponse,
  saslInitialResponse,
  saslResponse,
} from "./authentication-messages.ts";

const readRequest = (frame: Buffer) => readAuthenticationRequest(frame, 5, frame.length);

describe("authentication messages", () => {
  test("bytes are those of the protocol's documentation", () => {
    expect(authenticationOk.toString("hex")).toBe("520000000800000000");
    expect(authenticationSasl(["SCRAM-SHA-256"]).toString("latin1")).toBe(
      "R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0",
    );
    expect(negotiateProtocolVersion(2, ["_pq_.x"]).toString("latin1")).toBe(
      "v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0",
    );
    expect(saslResponse(Buffer.from("c=biws")).toString("latin1")).toBe("p\0\0\0\x0ac=biws");
  });

  test("requests are read back", () => {
    const data = Buffer.from("r=x");
    expect(readRequest(authenticationOk)).toEqual({ kind: "ok" });
    expect(readRequest(authenticationSasl(["A", "B"]))).toEqual({ kind: "sasl", mechanisms: ["A", "B"] });
    expect(readRequest(authenticationSaslContinue(data))).toEqual({ kind: "sasl-continue", data });
    expect(readRequest(authenticationSaslFinal(data))).toEqual({ kind: "sasl-final", data });
    expect(readRequest(Buffer.from("520000000c00000005aabbccdd", "hex"))).toEqual({
      kind: "unsupported",
      code: 5,
    });
  });

  test("a request that ends early is a protocol error", () => {
    const cut = authenticationSasl(["SCRAM-SHA-256"]).subarray(0, -1);
    expect(() => readRequest(cut)).toThrowError(expect.objectContaining({ code: "08P01" }));
  });

  test("initial response: with data, without, and with a length that lies", () => {
    const frame = saslInitialResponse("SCRAM-SHA-256", Buffer.from("n,,n=,r=x"));
    expect(readSaslInitialResponse(frame, 5, frame.length)).toEqual({
      mechanism: "SCRAM-SHA-256",
      data: Buffer.from("n,,n=,r=x"),
    });
    const without = Buffer.from("X\0\xff\xff\xff\xff", "latin1");
    expect(readSaslInitialResponse(without, 0, without.length)).toEqual({ mechanism: "X", data: undefined });
    for (const lie of ["X\0\0\0\0\x05abc", "X\0\0\0\0\x01abc", "X\0\xff\xff\xff\xfeabc", "X"]) {
      const body = Buffer.from(lie, "latin1");
      expect(() => readSaslInitialResponse(body, 0, body.length)).toThrowError(
        expect.objectContaining({ code: "08P01" }),
      );
    }
  });
});

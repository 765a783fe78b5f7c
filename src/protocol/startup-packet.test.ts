import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PgError } from "../errors/pg-error.ts";
import { readFirstPacket, type StartupPacket } from "./startup-packet.ts";
import { parseStartupSwitches } from "./startup-switches.ts";

function words(...values: number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => buffer.writeUInt32BE(value >>> 0, 4 * i));
  return buffer;
}

const body = (code: number, text = ""): Buffer => Buffer.concat([words(code), Buffer.from(text)]);
const v3 = (minor: number) => (3 << 16) | minor;

function startup(minor: number, text: string): StartupPacket {
  const packet = readFirstPacket(body(v3(minor), text), false);
  if (packet.kind !== "startup") throw new Error(packet.kind);
  return packet.startup;
}

describe("first packet", () => {
  test("requests for encryption, which an encrypted connection does not understand", () => {
    expect(readFirstPacket(body(80877103), false).kind).toBe("tls-request");
    expect(readFirstPacket(body(80877104), false).kind).toBe("gss-request");
    expect(() => readFirstPacket(body(80877103), true)).toThrowError(
      "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.2",
    );
  });

  test("S9: cancel with keys of 4 bytes and of 32", () => {
    for (const bytes of [4, 32]) {
      const secret = Buffer.alloc(bytes, 9);
      const packet = Buffer.concat([words(80877102, 4711), secret]);
      expect(readFirstPacket(packet, false)).toEqual({ kind: "cancel", processId: 4711, secret });
    }
    for (const bytes of [0, 3, 257]) {
      const packet = Buffer.concat([words(80877102, 4711), Buffer.alloc(bytes)]);
      expect(readFirstPacket(packet, false).kind).toBe("nonsense");
    }
    expect(readFirstPacket(words(80877102), false).kind).toBe("nonsense");
  });

  test("parameters", () => {
    expect(
      startup(0, "user\0ann\0database\0shop\0TimeZone\0UTC\0options\0-c a=b\0replication\0off\0\0"),
    ).toEqual({
      protocolMinor: 0,
      negotiation: undefined,
      user: "ann",
      database: "shop",
      switches: "-c a=b",
      replication: "off",
      settings: new Map([["timezone", "UTC"]]),
    });
    expect(startup(0, "user\0ann\0\0").database).toBe("ann");
    expect(startup(0, "user\0ann\0database\0\0\0").database).toBe("ann");
    expect(startup(0, "\0").user).toBe("");
    expect(startup(0, "__proto__\0x\0constructor\0y\0\0").settings.size).toBe(2);
  });

  test("names are cut to 63 bytes between characters", () => {
    expect(startup(0, `user\0${"a".repeat(70)}\0\0`).user).toBe("a".repeat(63));
    expect(startup(0, `user\0a${"ä".repeat(40)}\0\0`).user).toBe(`a${"ä".repeat(31)}`);
    expect(startup(0, `user\0${"ä".repeat(40)}\0\0`).user).toBe("ä".repeat(31));
  });

  test.each([
    [0, "", 0, undefined],
    [2, "", 2, undefined],
    [1, "", 0, "v\0\0\0\x0c\0\x03\0\0\0\0\0\0"],
    [3, "", 2, "v\0\0\0\x0c\0\x03\0\x02\0\0\0\0"],
    [9999, "", 2, "v\0\0\0\x0c\0\x03\0\x02\0\0\0\0"],
    [0, "_pq_.x\0on\0", 0, "v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.x\0"],
  ])("version 3.%i with %j speaks 3.%i", (minor, options, spoken, negotiation) => {
    const packet = startup(minor, `user\0ann\0${options}\0`);
    expect(packet.protocolMinor).toBe(spoken);
    expect(packet.negotiation?.toString("latin1")).toBe(negotiation);
    expect(packet.settings.size).toBe(0);
  });

  test.each([
    [body(2 << 16), "0A000", "unsupported frontend protocol 2.0: server supports 3.0 to 3.2"],
    [body(4 << 16), "0A000", "unsupported frontend protocol 4.0: server supports 3.0 to 3.2"],
    [body(0xffffffff), "0A000", "unsupported frontend protocol 65535.65535: server supports 3.0 to 3.2"],
    [body(v3(0)), "08P01", "invalid startup packet layout: expected terminator as last byte"],
    [body(v3(0), "user"), "08P01", "invalid startup packet layout: expected terminator as last byte"],
    [body(v3(0), "user\0ann\0"), "08P01", "invalid startup packet layout: expected terminator as last byte"],
    [
      body(v3(0), "user\0ann\0\0x"),
      "08P01",
      "invalid startup packet layout: expected terminator as last byte",
    ],
  ])("S13: %j is refused", (packet, code, message) => {
    expect(() => readFirstPacket(packet, false)).toThrowError(expect.objectContaining({ code, message }));
  });

  test("S13: random bytes are read or refused, nothing else", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 4, maxLength: 200 }),
        fc.constantFrom(v3(0), v3(2), 80877102, 0),
        (bytes, code) => {
          const packet = Buffer.concat([code === 0 ? Buffer.alloc(0) : words(code), bytes]);
          try {
            readFirstPacket(packet, false);
          } catch (error) {
            expect(error).toBeInstanceOf(PgError);
          }
        },
      ),
    );
  });
});

describe("switches of the options parameter", () => {
  test.each([
    ["", {}],
    ["-c geqo=off", { geqo: "off" }],
    ["-cgeqo=off --Work-Mem=64MB", { geqo: "off", work_mem: "64MB" }],
    ["  -c\tsearch_path=a,\\ b\n-c x.y=", { search_path: "a, b", "x.y": "" }],
    ["-c a=1=2\\\\3 -c a=4", { a: "4" }],
    ["--a=c\\:\\\\d", { a: "c:\\d" }],
  ])("%j", (text, expected) => {
    expect(Object.fromEntries(parseStartupSwitches(text))).toEqual(expected);
  });

  test.each([
    ["-c geqo", "-c geqo requires a value"],
    ["--geqo", "--geqo requires a value"],
    ["-c", "invalid command-line argument for server process: -c"],
    ["-S 64", "invalid command-line argument for server process: -S"],
    ["x", "invalid command-line argument for server process: x"],
    ["--", "invalid command-line argument for server process: --"],
  ])("%j is refused", (text, message) => {
    expect(() => parseStartupSwitches(text)).toThrowError(
      expect.objectContaining({ code: "42601", message }),
    );
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HostRules, type HostRule, type LoginAttempt } from "./host-rules.ts";
import { addressBytes, inRange, parseAddressRange } from "./ip-address.ts";

const attempt = (more: Partial<LoginAttempt> = {}): LoginAttempt => ({
  database: "shop",
  user: "ann",
  address: "10.1.2.3",
  tls: false,
  ...more,
});

const rule = (more: Partial<HostRule> = {}): HostRule => ({
  database: "all",
  user: "all",
  address: "all",
  method: "trust",
  ...more,
});

const methodOf = (rules: HostRule[], login: LoginAttempt) => new HostRules(rules).decide(login).method;

describe("host rules", () => {
  test("the first rule that fits decides", () => {
    const rules = [
      rule({ user: "bob", method: "reject" }),
      rule({ address: "10.0.0.0/8", method: "scram-sha-256" }),
      rule(),
    ];
    expect(methodOf(rules, attempt())).toBe("scram-sha-256");
    expect(methodOf(rules, attempt({ user: "bob" }))).toBe("reject");
    expect(methodOf(rules, attempt({ address: "192.168.0.1" }))).toBe("trust");
  });

  test("X5: a rule that requires TLS never fits a plain connection", () => {
    const rules = [rule({ tls: "require", method: "scram-sha-256" })];
    expect(methodOf(rules, attempt())).toBe("reject");
    expect(methodOf(rules, attempt({ tls: true }))).toBe("scram-sha-256");
    expect(methodOf([rule({ tls: "refuse" })], attempt({ tls: true }))).toBe("reject");
  });

  test("no rule, and a rule that rejects, are told apart in PostgreSQL's words", () => {
    expect(new HostRules([]).decide(attempt())).toMatchObject({
      error: {
        fields: {
          severity: "FATAL",
          code: "28000",
          message:
            'no pleiad.yaml authentication rule for host "10.1.2.3", user "ann", database "shop", no encryption',
        },
      },
    });
    expect(
      new HostRules([rule({ method: "reject" })]).decide(attempt({ tls: true, address: undefined })),
    ).toMatchObject({
      error: {
        message:
          'pleiad.yaml rejects connection for host "[local]", user "ann", database "shop", SSL encryption',
      },
    });
  });

  test("sameuser is the database of the role's name", () => {
    const rules = [rule({ database: "sameuser" })];
    expect(methodOf(rules, attempt({ database: "ann" }))).toBe("trust");
    expect(methodOf(rules, attempt())).toBe("reject");
    expect(methodOf(rules, attempt({ user: "all" }))).toBe("reject");
  });

  test("a Unix socket has no address, so only `all` fits it", () => {
    expect(
      methodOf([rule({ address: "0.0.0.0/0" }), rule({ address: "::/0" })], attempt({ address: undefined })),
    ).toBe("reject");
    expect(methodOf([rule()], attempt({ address: undefined }))).toBe("trust");
  });

  test.each([
    "10.0.0.0/33",
    "10.0.0/8",
    "::1/129",
    "localhost",
    "10.0.0.0/8/8",
    "",
    "10.0.0.1/-1",
    "::ffff:10.0.0.0/8",
  ])("address %j is refused at start", (address) => {
    expect(() => new HostRules([rule({ address })])).toThrow(/invalid address/);
  });

  test.each([
    ["127.0.0.1/32", "127.0.0.1", true],
    ["127.0.0.1/32", "::ffff:127.0.0.1", true],
    ["127.0.0.1/32", "::1", false],
    ["::1/128", "::1", true],
    ["0.0.0.0/0", "::1", false],
    ["::/0", "10.0.0.1", false],
    ["10.16.0.0/12", "10.31.255.255", true],
    ["10.16.0.0/12", "10.32.0.0", false],
    ["2001:db8::/33", "2001:db8:7fff::1", true],
    ["2001:db8::/33", "2001:db8:8000::1", false],
    ["::ffff:10.0.0.0/104", "10.9.9.9", true],
    ["::ffff:10.0.0.0/104", "11.0.0.0", false],
    ["fe80::/10", "fe80::1%eth0", true],
    ["10.0.0.1", "10.0.0.1", true],
    ["10.0.0.1", "10.0.0.2", false],
  ])("range %s, client %s: %s", (range, address, expected) => {
    expect(inRange(parseAddressRange(range)!, addressBytes(address)!)).toBe(expected);
  });

  test("every address lies in its own range of any length, and out of it once a covered bit is turned", () => {
    const property = (address: string, bits: number) => {
      const bytes = addressBytes(address)!;
      const prefixBits = bits % (bytes.length * 8 + 1);
      const range = { bytes, prefixBits };
      expect(inRange(range, bytes)).toBe(true);
      if (prefixBits === 0) return;
      const turned = Buffer.from(bytes);
      turned[(prefixBits - 1) >> 3]! ^= 0x80 >> ((prefixBits - 1) & 7);
      expect(inRange(range, turned)).toBe(false);
    };
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(), property));
  });
});

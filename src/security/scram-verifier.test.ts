import { describe, expect, test } from "vitest";
import { saslprep } from "./saslprep.ts";
import {
  buildScramVerifier,
  fakeScramVerifier,
  formatScramVerifier,
  parseScramVerifier,
} from "./scram-verifier.ts";

/** Passwords and what PostgreSQL 15.18 stored for them (ALTER ROLE … PASSWORD, then pg_authid.rolpassword). */
const stored: readonly (readonly [what: string, password: string, rolpassword: string])[] = [
  [
    "plain ASCII",
    "pencil",
    "SCRAM-SHA-256$4096:UE2ibjV5+3xpz1SyU1Zx7g==$RJwtXEjpHfAR1hcjf9kUKJrbXq1gECDA146HnfOg0E4=:j+IUaICQdaVDdDqSC+HwK5FRQO+IB0ZTpQsTF+C+LDM=",
  ],
  [
    "soft hyphen is mapped to nothing",
    "I\u00adX",
    "SCRAM-SHA-256$4096:A9iTdzfn5GNPO/dJztxNSA==$DiOr4sHdD120MJdOkn78hUkW1oAHvP0PydI6yZjN1hE=:e2YuUPV4kAUZhS6ZAXMdZIV+I74oB9KJPTaiXawDer4=",
  ],
  [
    "NFKC",
    "\u00aa",
    "SCRAM-SHA-256$4096:DC5B9X9e9fxlTvd5/LGRXg==$tObjH6F/T14NXGEQt9CAxAtwf31Ya3QqHY6ay7TI1v8=:nDQGS9ZA1Eprq9UomI7AQhvAfTkTuwABZOOJtUaT5hc=",
  ],
  [
    "non-ASCII space",
    "a\u00a0b",
    "SCRAM-SHA-256$4096:sjln7/bQgEJWf9iQGgJPTA==$V4KyHKP34PBrHcZioEaZFj/JlT3VA+Q7kP9bXSVa2QE=:8va5prrJw/VV/9jG6mHLnsV1DdLAHTZG+QabRwi2zDs=",
  ],
  [
    "right-to-left text that ends in a digit: prohibited, so raw bytes",
    "\u0627\u0031",
    "SCRAM-SHA-256$4096:2+kQD/u4KxIUxDskY4ulLA==$3Zt29vSqRnnCXbDB3IM+z0nQnkIMMKeg+1YpVnat9WI=:9ix0dy2itPYyN6zVKFpnw+fCnHiw7Hezx8NZ2TlKzOU=",
  ],
  [
    "both directions: prohibited, so raw bytes",
    "a\u0627",
    "SCRAM-SHA-256$4096:NhBX8Y+sJN6ufJ8aoYsa+Q==$9oyBcIDHuInvvykGte5Y45bP5XhYDO5+DM/iMVVKjh4=:T3RzK0GXKn9saQ6j1Ev9QAqcLTVBVTqSDzBzbO5twQ8=",
  ],
  [
    "not in Unicode 3.2: prohibited, so raw bytes",
    "\u0221a",
    "SCRAM-SHA-256$4096:llOjT1gp5OzbwrkE/fv53Q==$vVzNeK0yMflTag5p/+7CcN/PMm9c+HljSnylY0N5fuw=:HdIUPcIOhtRC9djQBfKXvzZa8sQjtZSB4Vz7uBzr+/0=",
  ],
  [
    "several compatibility characters",
    "\u212bngstr\u00f6m \ufb01",
    "SCRAM-SHA-256$4096:EFkM0n7Mgz05rIbPwuz/yg==$25AP164M7xFzD6FQfzIdSSP+JTTG90UF672NgpmPL/Y=:QyeZVnnD0EMH1EwMmOnlhxLz3225aAXvmloY5F2W71A=",
  ],
];

describe("SASLprep", () => {
  test("examples of RFC 4013", () => {
    expect(saslprep("I\u00adX").toString()).toBe("IX");
    expect(saslprep("user").toString()).toBe("user");
    expect(saslprep("USER").toString()).toBe("USER");
    expect(saslprep("\u00aa").toString()).toBe("a");
    expect(saslprep("\u2168").toString()).toBe("IX");
  });

  test("what is no UTF-8, or maps to nothing at all, stays as it is", () => {
    expect(saslprep(Buffer.from([0x61, 0xff]))).toEqual(Buffer.from([0x61, 0xff]));
    expect(saslprep("\u00ad").toString()).toBe("\u00ad");
    expect(saslprep("\u0007").toString()).toBe("\u0007");
  });
});

describe("SCRAM verifier", () => {
  test.each(stored)("equals PostgreSQL's: %s", async (_what, password, rolpassword) => {
    const { salt, iterations } = parseScramVerifier(rolpassword)!;
    expect(formatScramVerifier(await buildScramVerifier(password, salt, iterations))).toBe(rolpassword);
  });

  test("another salt each time", async () => {
    const [one, two] = await Promise.all([buildScramVerifier("x"), buildScramVerifier("x")]);
    expect(one.salt.equals(two.salt)).toBe(false);
    expect(one.iterations).toBe(4096);
  });

  test.each([
    "",
    "md5a6343a68d964ca596d9752250d54bb8a",
    "SCRAM-SHA-256$4096:!$RJwtXEjpHfAR1hcjf9kUKJrbXq1gECDA146HnfOg0E4=:j+IUaICQdaVDdDqSC+HwK5FRQO+IB0ZTpQsTF+C+LDM=",
    "SCRAM-SHA-256$0:UE2ibjV5+3xpz1SyU1Zx7g==$RJwtXEjpHfAR1hcjf9kUKJrbXq1gECDA146HnfOg0E4=:j+IUaICQdaVDdDqSC+HwK5FRQO+IB0ZTpQsTF+C+LDM=",
    "SCRAM-SHA-256$4096:UE2ibjV5+3xpz1SyU1Zx7g==$RJwtXEjpHfAR1hcjf9kUKA==:j+IUaICQdaVDdDqSC+HwK5FRQO+IB0ZTpQsTF+C+LDM=",
    "SCRAM-SHA-256$4096:UE2ibjV5+3xpz1SyU1Zx7g==$RJwtXEjpHfAR1hcjf9kUKJrbXq1gECDA146HnfOg0E4=",
  ])("no verifier: %s", (text) => {
    expect(parseScramVerifier(text)).toBeUndefined();
  });

  test("X2: a fake one is the same for the same name, and differs by name and by cluster", () => {
    const secret = Buffer.from("secret of one cluster");
    const fake = fakeScramVerifier("nobody", secret);
    expect(fakeScramVerifier("nobody", secret)).toEqual(fake);
    expect(fakeScramVerifier("nobody2", secret).salt).not.toEqual(fake.salt);
    expect(fakeScramVerifier("nobody", Buffer.from("another")).salt).not.toEqual(fake.salt);
    expect(fake.salt).toHaveLength(16);
  });
});

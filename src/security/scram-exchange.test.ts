/** Both sides of SCRAM against each other and against the known vector of RFC 7677. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PgError } from "../errors/pg-error.ts";
import { ScramClient } from "./scram-client.ts";
import { ScramServer, scramMechanisms, type ScramAnswer, type ScramServerSetup } from "./scram-server.ts";
import { buildScramVerifier, fakeScramVerifier } from "./scram-verifier.ts";

const endPoint = Buffer.alloc(32, 7);
const clientNonce = "rOprNGfwEbeRWgbNEkqO";
const serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
const pencil = await buildScramVerifier("pencil", salt, 4096);

function serverFor(more: Partial<ScramServerSetup> = {}): ScramServer {
  return new ScramServer({
    mechanism: "SCRAM-SHA-256",
    verifier: pencil,
    fake: false,
    endPoint: undefined,
    nonce: serverNonce,
    ...more,
  });
}

function dataOf(answer: ScramAnswer): Buffer {
  if (answer.kind === "denied") throw new Error("denied");
  return answer.data;
}

/** The whole way; `tamper` may change any of the four messages. */
async function exchange(
  server: ScramServer,
  client: ScramClient,
  tamper: (message: Buffer, index: number) => Buffer = (message) => message,
): Promise<"accepted" | "denied"> {
  const challenge = dataOf(server.respond(tamper(client.first(), 0)));
  const last = server.respond(tamper(await client.final(tamper(challenge, 1)), 2));
  if (last.kind !== "accepted") return "denied";
  client.verify(tamper(last.data, 3));
  return "accepted";
}

describe("SCRAM", () => {
  test("the exchange of RFC 7677, byte by byte", async () => {
    const server = serverFor();
    const client = new ScramClient({
      password: "pencil",
      mechanisms: ["SCRAM-SHA-256"],
      endPoint: undefined,
      nonce: clientNonce,
      user: "user",
    });
    expect(client.first().toString()).toBe(`n,,n=user,r=${clientNonce}`);
    const challenge = dataOf(server.respond(client.first()));
    expect(challenge.toString()).toBe(`r=${clientNonce}${serverNonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`);
    const final = await client.final(challenge);
    expect(final.toString()).toBe(
      `c=biws,r=${clientNonce}${serverNonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
    );
    const answer = server.respond(final);
    expect(dataOf(answer).toString()).toBe("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    client.verify(dataOf(answer));
  });

  test("any password, with and without channel binding", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
        fc.boolean(),
        async (password, encrypted) => {
          const bound = encrypted ? endPoint : undefined;
          const verifier = await buildScramVerifier(password, salt, 10);
          const client = new ScramClient({ password, mechanisms: scramMechanisms(bound), endPoint: bound });
          expect(client.mechanism).toBe(encrypted ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256");
          const server = serverFor({ mechanism: client.mechanism, verifier, endPoint: bound });
          expect(await exchange(server, client)).toBe("accepted");
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a changed byte in any message is noticed by one of the two", async () => {
    const verifier = await buildScramVerifier("pencil", salt, 10);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (index, place, change) => {
          const client = new ScramClient({
            password: "pencil",
            mechanisms: scramMechanisms(endPoint),
            endPoint,
          });
          const server = serverFor({ mechanism: client.mechanism, verifier, endPoint });
          const outcome = exchange(server, client, (message, i) => {
            if (i !== index) return message;
            const changed = Buffer.from(message);
            changed[place % changed.length]! ^= change;
            return changed;
          });
          await expect(
            outcome.catch((error: unknown) => (error instanceof PgError ? "refused" : Promise.reject(error))),
          ).resolves.toMatch(/denied|refused/);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("a wrong password and an unknown user end in the same way", async () => {
    const run = (verifier: ScramServerSetup["verifier"], fake: boolean) => {
      const client = new ScramClient({
        password: "wrong",
        mechanisms: ["SCRAM-SHA-256"],
        endPoint: undefined,
      });
      return exchange(serverFor({ verifier, fake }), client);
    };
    expect(await run(pencil, false)).toBe("denied");
    expect(await run(fakeScramVerifier("nobody", Buffer.from("s")), true)).toBe("denied");
    // Even a proof that fits does not open a fake.
    const client = new ScramClient({
      password: "pencil",
      mechanisms: ["SCRAM-SHA-256"],
      endPoint: undefined,
    });
    expect(await exchange(serverFor({ fake: true }), client)).toBe("denied");
  });

  test("X5: a man in the middle who hides channel binding, or ends TLS himself, is noticed", async () => {
    const hidden = new ScramClient({ password: "pencil", mechanisms: ["SCRAM-SHA-256"], endPoint });
    await expect(exchange(serverFor({ endPoint }), hidden)).rejects.toMatchObject({
      code: "28000",
      message: "SCRAM channel binding negotiation error",
    });
    const between = new ScramClient({
      password: "pencil",
      mechanisms: scramMechanisms(endPoint),
      endPoint: Buffer.alloc(32, 8),
    });
    const server = serverFor({ mechanism: between.mechanism, endPoint });
    await expect(exchange(server, between)).rejects.toMatchObject({
      code: "28000",
      message: "SCRAM channel binding check failed",
    });
  });

  test("a server that does not know the password is not believed", async () => {
    const client = new ScramClient({
      password: "pencil",
      mechanisms: ["SCRAM-SHA-256"],
      endPoint: undefined,
    });
    await client.final(dataOf(serverFor().respond(client.first())));
    expect(() => client.verify(Buffer.from(`v=${Buffer.alloc(32).toString("base64")}`))).toThrowError(
      "incorrect server signature",
    );
    expect(() => client.verify(Buffer.from("e=other-error"))).toThrowError(/other-error/);
    const early = new ScramClient({ password: "pencil", mechanisms: ["SCRAM-SHA-256"], endPoint: undefined });
    expect(() => early.verify(Buffer.from(`v=${Buffer.alloc(32).toString("base64")}`))).toThrowError(PgError);
  });

  test("a server whose nonce or iterations make no sense is refused", async () => {
    const client = new ScramClient({
      password: "x",
      mechanisms: ["SCRAM-SHA-256"],
      endPoint: undefined,
      nonce: "abc",
    });
    for (const challenge of [
      "r=abc,s=AAAA,i=1",
      "r=other,s=AAAA,i=1",
      "r=abcd,s=,i=1",
      "r=abcd,s=AAAA,i=0",
      "r=abcd,s=AAAA,i=999999999",
      "r=abcd",
      "",
    ]) {
      await expect(client.final(Buffer.from(challenge))).rejects.toMatchObject({ code: "08P01" });
    }
    expect(
      () => new ScramClient({ password: "x", mechanisms: ["OAUTHBEARER"], endPoint: undefined }),
    ).toThrow(PgError);
  });

  test.each([
    ["", "08P01", "The message is empty."],
    ["n,,n=,r=a\0b", "08P01", "Message length does not match input length."],
    ["x,,n=,r=abc", "08P01", 'Unexpected channel-binding flag "x".'],
    ["n;,n=,r=abc", "08P01", 'Comma expected, but found character ";".'],
    ["p=tls-server-end-point,,n=,r=abc", "08P01", undefined],
    ["n,a=bob,n=,r=abc", "0A000", undefined],
    ["n,b=bob,n=,r=abc", "08P01", 'Unexpected attribute "b" in client-first-message.'],
    ["n,,m=x,n=,r=abc", "0A000", undefined],
    ["n,,r=abc", "08P01", 'Expected attribute "n" but found "r".'],
    ["n,,n=,r=a\x07c", "08P01", undefined],
    ["n,,n", "08P01", 'Expected character "=" for attribute "n".'],
    ["n,,n=,r=abc,\x01", "08P01", 'Attribute expected, but found invalid character "0x01".'],
  ])("first message %j is refused", (text, code, detail) => {
    expect(() => serverFor().respond(Buffer.from(text, "latin1"))).toThrowError(
      expect.objectContaining({
        code,
        ...(detail === undefined ? {} : { fields: expect.objectContaining({ detail }) }),
      }),
    );
  });

  const nonce = `abc${serverNonce}`;
  const zeros = Buffer.alloc(32).toString("base64");
  test.each([
    [`c=eSws,r=${nonce},p=${zeros}`, "unexpected SCRAM channel-binding attribute in client-final-message"],
    [`c=biws,r=abc,p=${zeros}`, "invalid SCRAM response"],
    [`c=biws,r=${nonce},p=AAAA`, "malformed SCRAM message"],
    [`c=biws,r=${nonce},p=${zeros},x=1`, "malformed SCRAM message"],
    [`c=biws,r=${nonce}`, "malformed SCRAM message"],
  ])("final message %j is refused", (text, message) => {
    const server = serverFor();
    server.respond(Buffer.from("n,,n=,r=abc"));
    expect(() => server.respond(Buffer.from(text))).toThrowError(message);
    expect(() => server.respond(Buffer.from(text))).toThrowError("invalid SCRAM exchange state");
  });
});

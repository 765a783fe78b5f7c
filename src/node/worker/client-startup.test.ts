/** The start of a connection with real sockets: drivers, and bytes that no driver would send. */
import { once } from "node:events";
import net from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import pg from "pg";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeSelfSignedCertificate } from "../../security/self-signed-certificate.ts";
import { HostRules } from "../../security/host-rules.ts";
import { buildScramVerifier, formatScramVerifier } from "../../security/scram-verifier.ts";
import { tlsServerEndPoint } from "../../security/tls-end-point.ts";
import {
  backendKeyData,
  commandComplete,
  parameterStatus,
  readyForQuery,
} from "../../protocol/backend-messages.ts";
import { Status } from "../../protocol/message-types.ts";
import { handleOf, socketOf } from "../raw-handle.ts";
import type { RoleLogin } from "./client-authentication.ts";
import { startClient, type ClientStartup, type StartupOptions } from "./client-startup.ts";
import { serverTls } from "./server-tls.ts";

const ready = Buffer.concat([
  parameterStatus("server_version", "18.0"),
  parameterStatus("client_encoding", "UTF8"),
  backendKeyData(42, Buffer.from([1, 2, 3, 4])),
  readyForQuery(Status.idle),
]);

const verifier = formatScramVerifier(
  await buildScramVerifier("pencil", Buffer.from("0123456789abcdef"), 4096),
);
const roles: Record<string, RoleLogin> = {
  ann: { verifier, canLogin: true },
  bob: { verifier: null, canLogin: true },
  nologin: { verifier, canLogin: false },
  late: { verifier, canLogin: true, validUntil: new Date(0) },
};
const made = makeSelfSignedCertificate(["localhost", "127.0.0.1"], new Date(), 10);
const tls = serverTls({ ...made, endPoint: tlsServerEndPoint(made.certificate) });

const options: StartupOptions = {
  tls,
  rules: new HostRules([
    { database: "secret", user: "all", address: "all", method: "scram-sha-256", tls: "require" },
    { database: "secret", user: "all", address: "all", method: "reject" },
    { database: "open", user: "all", address: "all", method: "trust" },
    { database: "all", user: "all", address: "all", method: "scram-sha-256" },
  ]),
  lookupVerifier: (user) =>
    user === "broken" ? Promise.reject(new Error("secret detail")) : Promise.resolve(roles[user]),
  fakeVerifierSecret: Buffer.from("test"),
  deadlineMs: 400,
};

let started: (ClientStartup | undefined)[] = [];
let refusals: string[] = [];
const servers: net.Server[] = [];

async function listen(setup: StartupOptions): Promise<number> {
  // As the listener accepts them and a worker gets them.
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (accepted) => {
    const socket = socketOf(handleOf(accepted));
    void startClient(socket, { ...setup, refused: (_address, reason) => refusals.push(reason) }).then(
      (client) => {
        started.push(client);
        if (client?.kind === "cancel") client.socket.end();
        if (client?.kind !== "session") return;
        client.socket.write(ready);
        // Whatever is asked: nothing was found.
        client.socket.on("data", (data) => {
          if (data[0] === 0x51) {
            client.socket.write(Buffer.concat([commandComplete("SELECT 0"), readyForQuery(Status.idle)]));
          }
        });
        client.socket.on("end", () => client.socket.end());
      },
    );
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}

let port: number;
let plainPort: number;

beforeAll(async () => {
  port = await listen({ ...options, deadlineMs: 10_000 });
  plainPort = await listen({ ...options, tls: undefined });
});

afterAll(() => {
  for (const server of servers) server.close();
});

function fresh(): void {
  started = [];
  refusals = [];
}

/** Sends `bytes` and collects what comes until the server closes, or until `until` has come. */
async function talk(to: number, bytes: Buffer | Buffer[], until?: string): Promise<string> {
  fresh();
  const socket = net.connect(to, "127.0.0.1");
  await once(socket, "connect");
  let answer = "";
  const finished = new Promise<void>((resolve) => {
    socket.on("data", (data) => {
      answer += data.toString("latin1");
      if (until !== undefined && answer.includes(until)) resolve();
    });
    socket.on("close", resolve).on("error", () => resolve());
  });
  for (const part of Array.isArray(bytes) ? bytes : [bytes]) {
    socket.write(part);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await finished;
  socket.destroy();
  return answer;
}

function packet(code: number, text = "", extra = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(text), extra]);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, body]);
}

const v30 = 3 << 16;
const tlsRequest = packet(80877103);
const gssRequest = packet(80877104);
const bob = packet(v30, "user\0bob\0database\0open\0\0");
const authenticated = "R\0\0\0\x08\0\0\0\0";

async function pgConnect(config: pg.ClientConfig): Promise<void> {
  fresh();
  const client = new pg.Client({ host: "127.0.0.1", port, user: "ann", password: "pencil", ...config });
  client.on("error", () => {});
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => {});
  }
}

const fatal = (code: string, message: string | RegExp) =>
  expect.objectContaining({ severity: "FATAL", code, message: expect.stringMatching(message) as string });

describe("drivers", () => {
  test("pg: SCRAM, plain and encrypted, with channel binding", async () => {
    await pgConnect({ database: "shop" });
    expect(started[0]).toMatchObject({ kind: "session", user: "ann", database: "shop", tls: false });
    await pgConnect({ database: "secret", ssl: { rejectUnauthorized: false }, enableChannelBinding: true });
    expect(started[0]).toMatchObject({ kind: "session", tls: true, protocolMinor: 0 });
  });

  test("pg: settings arrive in lower case, switches under parameters of their own", async () => {
    await pgConnect({
      database: "open",
      user: "bob",
      application_name: "app",
      options: "-c TimeZone=UTC --application-name=other",
      client_encoding: "UTF8",
    });
    const session = started[0];
    expect(session?.kind === "session" && Object.fromEntries(session.options)).toEqual({
      timezone: "UTC",
      application_name: "app",
      client_encoding: "UTF8",
    });
  });

  test("postgres: SCRAM over TLS, direct TLS, and statements over it", async () => {
    for (const ssl of [{ rejectUnauthorized: false }, false] as const) {
      fresh();
      const sql = postgres({
        host: "127.0.0.1",
        port,
        user: "ann",
        password: "pencil",
        database: ssl === false ? "shop" : "secret",
        ssl,
        max: 1,
        fetch_types: false,
      });
      expect(await sql`SELECT 1`.simple()).toHaveLength(0);
      expect(started[0]).toMatchObject({ kind: "session", tls: ssl !== false });
      await sql.end();
    }
  });

  test("X2: wrong password, unknown user, no password stored, expired: one answer", async () => {
    for (const user of ["ann", "nobody", "bob", "late"]) {
      const password = user === "ann" ? "wrong" : "pencil";
      await expect(pgConnect({ database: "shop", user, password })).rejects.toEqual(
        fatal("28P01", `^password authentication failed for user "${user}"$`),
      );
    }
  });

  test("roles that may not log in, and roles that are not there", async () => {
    await expect(pgConnect({ database: "shop", user: "nologin" })).rejects.toEqual(
      fatal("28000", 'role "nologin" is not permitted to log in'),
    );
    await expect(pgConnect({ database: "open", user: "nobody" })).rejects.toEqual(
      fatal("28000", 'role "nobody" does not exist'),
    );
  });

  test("X5: where a rule demands TLS, a plain connection is refused before any password is asked for", async () => {
    await expect(pgConnect({ database: "secret" })).rejects.toEqual(
      fatal("28000", "pleiad.yaml rejects connection .* no encryption"),
    );
    await expect(pgConnect({ database: "secret", port: plainPort, ssl: true })).rejects.toThrow(/SSL/);
  });

  test("X2: a failed look-up tells the client nothing of the reason", async () => {
    await expect(pgConnect({ database: "shop", user: "broken" })).rejects.toEqual(
      fatal("XX000", "^internal error during the start of the connection$"),
    );
    expect(refusals).toEqual(["secret detail"]);
  });
});

describe("direct TLS", () => {
  async function direct(more: ConnectionOptions): Promise<string> {
    fresh();
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ...more });
    try {
      await once(socket, "secureConnect");
      socket.write(bob);
      const closed = once(socket, "close").then(() => Promise.reject(new Error("closed")));
      const [data] = (await Promise.race([once(socket, "data"), closed])) as [Buffer];
      return data.toString("latin1");
    } finally {
      socket.destroy();
    }
  }

  test("with ALPN", async () => {
    expect(await direct({ ALPNProtocols: ["postgresql"] })).toContain(authenticated);
    expect(started[0]).toMatchObject({ kind: "session", tls: true });
  });

  test("X5: without ALPN, or with that of another protocol, the connection is closed", async () => {
    await expect(direct({})).rejects.toThrow();
    await expect(direct({ ALPNProtocols: ["http/1.1"] })).rejects.toThrow();
    await expect.poll(() => started).toEqual([undefined]);
  });

  test("where TLS is off the connection is closed", async () => {
    await expect(direct({ port: plainPort, ALPNProtocols: ["postgresql"] })).rejects.toThrow();
  });
});

describe("raw bytes", () => {
  test("what follows the startup packet is not lost", async () => {
    const query = Buffer.from("Q\0\0\0\x0eSELECT 1;\0");
    const answer = await talk(port, Buffer.concat([bob, query]), "Z\0\0\0\x05I");
    expect(answer.startsWith(authenticated)).toBe(true);
    const session = started[0];
    expect(session?.kind === "session" && session.rest).toEqual(query);
  });

  test("a startup packet that comes byte by byte", async () => {
    const bytes = Array.from(bob, (byte) => Buffer.from([byte]));
    expect(await talk(port, bytes, "Z\0\0\0\x05I")).toContain(authenticated);
  });

  test("GSSENCRequest and SSLRequest are answered before the startup packet", async () => {
    expect(await talk(plainPort, [gssRequest, tlsRequest, bob], "Z\0\0\0\x05I")).toMatch(/^NNR/);
    expect(await talk(plainPort, [tlsRequest, tlsRequest])).toBe("N");
    expect(await talk(plainPort, [gssRequest, gssRequest])).toBe("N");
  });

  test("protocol 3.2, newer minors and unknown options", async () => {
    const text = "user\0bob\0database\0open\0";
    const ask = (minor: number, more = "") =>
      talk(port, packet(v30 | minor, `${text}${more}\0`), "Z\0\0\0\x05I");
    expect((await ask(2)).startsWith(authenticated)).toBe(true);
    expect(started[0]).toMatchObject({ protocolMinor: 2 });
    expect((await ask(9999)).startsWith("v\0\0\0\x0c\0\x03\0\x02\0\0\0\0R")).toBe(true);
    expect(started[0]).toMatchObject({ protocolMinor: 2 });
    expect((await ask(1)).startsWith("v\0\0\0\x0c\0\x03\0\0\0\0\0\0R")).toBe(true);
    expect(started[0]).toMatchObject({ protocolMinor: 0 });
    expect((await ask(0, "_pq_.abc\0on\0")).startsWith("v\0\0\0\x15\0\x03\0\0\0\0\0\x01_pq_.abc\0R")).toBe(
      true,
    );
  });

  test("S9: cancel requests, with keys of both lengths, get no answer", async () => {
    for (const bytes of [4, 32]) {
      const key = Buffer.alloc(bytes, 5);
      expect(await talk(port, packet(80877102, "", Buffer.concat([Buffer.from([0, 0, 0, 42]), key])))).toBe(
        "",
      );
      expect(started[0]).toMatchObject({ kind: "cancel", pid: 42, key });
    }
  });

  test.each([
    ["no user", packet(v30, "\0"), "28000"],
    ["protocol 2.0", packet(2 << 16, "x"), "0A000"],
    ["protocol 4.0", packet(4 << 16, "x"), "0A000"],
    ["replication", packet(v30, "user\0bob\0replication\0database\0\0"), "0A000"],
    ["no terminator", packet(v30, "user\0bob"), "08P01"],
    ["injected before TLS", Buffer.concat([tlsRequest, bob]), "08P01"],
    ["injected after GSSENCRequest", Buffer.concat([gssRequest, bob]), "08P01"],
  ])("S13: %s is refused with a FATAL error", async (_what, bytes, code) => {
    const answer = await talk(port, bytes);
    expect(answer).toContain(`SFATAL\0VFATAL\0C${code}\0`);
    expect(answer[0]).toBe("E");
    await expect.poll(() => started).toEqual([undefined]);
  });

  test.each([
    ["a web browser", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["zeros", Buffer.alloc(100)],
    ["a negative length", Buffer.from("ffffffff00030000", "hex")],
    ["length 7", Buffer.from("0000000700030000", "hex")],
    ["length 10,005", Buffer.from("0000271500030000", "hex")],
    ["a huge length", Buffer.from("7fffffff00030000", "hex")],
    ["a cancel without key", packet(80877102, "abcd")],
    ["half a TLS handshake", Buffer.from("16030100", "hex")],
    ["garbage as TLS", Buffer.concat([Buffer.from([0x16]), Buffer.alloc(300, 0xa5)])],
  ])("S13: %s is closed, and the next client is served", async (_what, bytes) => {
    const short = await listen(options);
    await talk(short, bytes);
    await expect.poll(() => started).toEqual([undefined]);
    expect(await talk(short, bob, "Z\0\0\0\x05I")).toContain(authenticated);
  });

  test("a bad switch is refused, but only to who is logged in", async () => {
    const text = (database: string) => `user\0bob\0database\0${database}\0options\0-X\0\0`;
    const answer = await talk(port, packet(v30, text("open")));
    expect(answer.startsWith(`${authenticated}E`)).toBe(true);
    expect(answer).toContain("SFATAL\0VFATAL\0C42601\0");
    expect(await talk(port, packet(v30, text("shop")), "SCRAM")).not.toContain("42601");
  });

  test("S13: a packet of the greatest size is read, one byte more is not", async () => {
    const text = (filler: number) => `user\0bob\0database\0open\0x\0${"y".repeat(filler)}\0\0`;
    const overhead = 4 + text(0).length;
    expect(await talk(port, packet(v30, text(10_000 - overhead)), "Z\0\0\0\x05I")).toContain(authenticated);
    expect(await talk(port, packet(v30, text(10_001 - overhead)))).toBe("");
  });

  test("S13: a client that sends nothing, too slowly, or stops in the middle of TLS, is closed at the deadline", async () => {
    const short = await listen(options);
    for (const bytes of [Buffer.alloc(0), bob.subarray(0, 7), tlsRequest]) {
      const before = Date.now();
      expect(await talk(short, bytes)).toBe(bytes === tlsRequest ? "S" : "");
      expect(Date.now() - before).toBeLessThan(1500);
      await expect.poll(() => refusals).toEqual(["the startup deadline passed"]);
    }
  });

  test("S13: a client that never answers the challenge is told at the deadline", async () => {
    const short = await listen(options);
    const answer = await talk(short, packet(v30, "user\0ann\0\0"));
    expect(answer).toContain("C57014\0");
    expect(answer).toContain("canceling authentication due to timeout");
  });

  const ann = packet(v30, "user\0ann\0\0");
  test.each([
    ["another message", Buffer.from("Q\0\0\0\x05\0"), "08P01"],
    ["an unknown mechanism", Buffer.from("p\0\0\0\x0dWHAT\0\xff\xff\xff\xff", "latin1"), "08P01"],
    ["a message that is too long", Buffer.from("p\0\x01\0\0"), "08P01"],
    ["a negative length", Buffer.from("p\xff\xff\xff\xff", "latin1"), "08P01"],
    ["an empty message", Buffer.from("p\0\0\0\x04"), "08P01"],
  ])("S13: %s instead of SCRAM is refused", async (_what, bytes, code) => {
    const answer = await talk(port, [ann, bytes]);
    expect(answer).toContain("SCRAM-SHA-256\0\0");
    expect(answer).toContain(`SFATAL\0VFATAL\0C${code}\0`);
  });

  test("a client that closes when it is asked for a password leaves nothing behind", async () => {
    fresh();
    const socket = net.connect(port, "127.0.0.1").end(ann);
    socket.resume();
    await once(socket, "close");
    await expect.poll(() => refusals).toEqual(["the client closed the connection during authentication"]);
  });
});

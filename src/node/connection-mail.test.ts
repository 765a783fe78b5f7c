import { once } from "node:events";
import { closeSync } from "node:fs";
import net from "node:net";
import { expect, test } from "vitest";
import { ConnectionMail, takeMail, type Delivered } from "./connection-mail.ts";
import { handleOf, socketOf, type RawHandle } from "./raw-handle.ts";

const onLinux = test.runIf(process.platform === "linux");

/** Both ends of so many connections; what is accepted is unread. */
async function connections(
  count: number,
): Promise<{ clients: net.Socket[]; accepted: RawHandle[]; end: () => void }> {
  const accepted: RawHandle[] = [];
  const server = net.createServer({ pauseOnConnect: true }, (socket) => accepted.push(handleOf(socket)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const clients: net.Socket[] = [];
  while (clients.length < count) {
    const client = net.connect(port, "127.0.0.1");
    client.on("error", () => {});
    await once(client, "connect");
    clients.push(client);
  }
  while (accepted.length < count) await once(server, "connection");
  return {
    clients,
    accepted,
    end: () => {
      for (const client of clients) client.destroy();
      for (const handle of accepted) handle.close();
      server.close();
    },
  };
}

onLinux("N1: many connections arrive by a few messages, each under its number and unread", async () => {
  const { clients, accepted, end } = await connections(40);
  const mail = ConnectionMail.open()!;
  expect(takeMail(mail.other)).toEqual([]);
  for (const [i, client] of clients.entries()) client.write(`of ${i}`);
  expect(mail.send(accepted.map(({ fd }, i) => ({ id: 1000 + i, fd })))).toBe(40);
  const delivered: Delivered[] = [];
  let messages = 0;
  for (let some = takeMail(mail.other); some.length > 0; some = takeMail(mail.other)) {
    messages++;
    delivered.push(...some);
  }
  expect(messages).toBeLessThan(4);
  expect(delivered.map(({ id }) => id)).toEqual(accepted.map((_, i) => 1000 + i));
  for (const [i, { handle }] of delivered.entries()) {
    const socket = socketOf(handle!);
    const [said] = (await once(socket, "data")) as [Buffer];
    expect(said.toString()).toBe(`of ${i}`);
    socket.destroy();
  }
  end();
  closeSync(mail.other);
  mail.close();
});

onLinux(
  "N1: what a worker does not take waits, up to a bound; what nobody can take any more is said",
  async () => {
    const { accepted, end } = await connections(1);
    const mail = ConnectionMail.open()!;
    const one = { id: 7, fd: accepted[0]!.fd };
    const many = Array.from({ length: 100_000 }, () => one);
    const sent = mail.send(many)!;
    expect(sent).toBeGreaterThan(32);
    expect(sent).toBeLessThan(many.length);
    expect(mail.send([one])).toBe(0);
    let taken = 0;
    for (let some = takeMail(mail.other); some.length > 0; some = takeMail(mail.other)) {
      taken += some.length;
      for (const { handle } of some) handle!.close();
    }
    expect(taken).toBe(sent);
    expect(mail.send([one])).toBe(1);
    closeSync(mail.other);
    expect(mail.send([one])).toBeUndefined();
    mail.close();
    end();
  },
);

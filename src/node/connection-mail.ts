/**
 * Client connections on their way from the supervisor to a worker, many in one message: sendmsg(2) with SCM_RIGHTS over a pair of
 * sockets of their own. Node's channel carries one handle at a time and waits for an answer after each, by which the sessions of a
 * worker that died would wait for seconds. Linux only, as all taking over is.
 */
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import koffi from "koffi";
import { handleOf, type RawHandle } from "./raw-handle.ts";

/** Where a worker finds its end. */
export const MAIL_FD = 4;
/** Connections of a message: the kernel takes 253, and a worker opens these in one turn. */
const CONNECTIONS_MAX = 32;

// unix(7), cmsg(3), sendmsg(2)
const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
/** EPIPE, ECONNRESET, ECONNREFUSED; others pass: its buffer is full, or too many handles are on their way. */
const NOBODY_THERE: ReadonlySet<number> = new Set([32, 104, 111]);

const INT_BYTES = 4;
/** Of struct cmsghdr: a size of eight bytes, level and type. */
const CONTROL_HEAD_BYTES = 16;
const LEVEL_AT = 8;
const TYPE_AT = 12;

interface Message {
  readonly name: null;
  readonly nameBytes: 0;
  readonly parts: readonly [{ readonly base: Buffer; readonly bytes: number }];
  readonly partCount: 1;
  readonly control: Buffer;
  readonly controlBytes: number;
  readonly flags: number;
}

interface Calls {
  socketpair(domain: number, type: number, protocol: number, ends: Int32Array): number;
  sendmsg(fd: number, message: Message, flags: number): number;
  recvmsg(fd: number, message: Message, flags: number): number;
}

let calls: Calls | undefined;

function library(): Calls {
  if (calls === undefined) {
    const libc = koffi.load(null);
    koffi.struct("iovec", { base: "void *", bytes: "size_t" });
    koffi.struct("msghdr", {
      name: "void *",
      nameBytes: "uint32_t",
      parts: "iovec *",
      partCount: "size_t",
      control: "void *",
      controlBytes: "size_t",
      flags: "int",
    });
    calls = {
      socketpair: libc.func("int socketpair(int domain, int type, int protocol, _Out_ int *ends)"),
      sendmsg: libc.func("long sendmsg(int fd, msghdr *message, int flags)"),
      recvmsg: libc.func("long recvmsg(int fd, _Inout_ msghdr *message, int flags)"),
    };
  }
  return calls;
}

function messageOf(numbers: Buffer, control: Buffer): Message {
  return {
    name: null,
    nameBytes: 0,
    parts: [{ base: numbers, bytes: numbers.length }],
    partCount: 1,
    control,
    controlBytes: control.length,
    flags: 0,
  };
}

/** A connection by its number in the table of sessions. */
export interface Addressed {
  readonly id: number;
  readonly fd: number;
}

/** The supervisor's end. */
export class ConnectionMail {
  private readonly fd: number;
  /** The worker's end: to be given to it, and then closed here. */
  readonly other: number;

  private constructor(fd: number, other: number) {
    this.fd = fd;
    this.other = other;
  }

  /** Undefined where there is no such thing. */
  static open(): ConnectionMail | undefined {
    if (process.platform !== "linux") return undefined;
    const ends = new Int32Array(2);
    if (library().socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) !== 0) return undefined;
    return new ConnectionMail(ends[0]!, ends[1]!);
  }

  /** How many of them have left, from the first on; undefined: nobody will ever receive them. The worker is to be told that it has mail. */
  send(connections: readonly Addressed[]): number | undefined {
    let sent = 0;
    while (sent < connections.length) {
      const some = connections.slice(sent, sent + CONNECTIONS_MAX);
      const numbers = Buffer.from(Int32Array.from(some, ({ id }) => id).buffer);
      const control = Buffer.alloc(CONTROL_HEAD_BYTES + some.length * INT_BYTES);
      control.writeBigUInt64LE(BigInt(control.length));
      control.writeInt32LE(SOL_SOCKET, LEVEL_AT);
      control.writeInt32LE(SCM_RIGHTS, TYPE_AT);
      some.forEach(({ fd }, i) => control.writeInt32LE(fd, CONTROL_HEAD_BYTES + i * INT_BYTES));
      if (library().sendmsg(this.fd, messageOf(numbers, control), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return NOBODY_THERE.has(koffi.errno()) ? undefined : sent;
      sent += some.length;
    }
    return sent;
  }

  close(): void {
    closeSync(this.fd);
  }
}

export interface Delivered {
  readonly id: number;
  /** Undefined: this process may have no more files open. */
  readonly handle: RawHandle | undefined;
}

/** What the next message brings, nothing if there is none. */
export function takeMail(fd = MAIL_FD): Delivered[] {
  const numbers = Buffer.alloc(CONNECTIONS_MAX * INT_BYTES);
  const control = Buffer.alloc(CONTROL_HEAD_BYTES + CONNECTIONS_MAX * INT_BYTES);
  const bytes = library().recvmsg(fd, messageOf(numbers, control), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const delivered: Delivered[] = [];
  const controlEnd = Number(control.readBigUInt64LE());
  for (let at = 0; at < bytes; at += INT_BYTES) {
    const handleAt = CONTROL_HEAD_BYTES + at;
    const handle =
      handleAt + INT_BYTES <= controlEnd ? unreadHandle(control.readInt32LE(handleAt)) : undefined;
    delivered.push({ id: numbers.readInt32LE(at), handle });
  }
  return delivered;
}

function unreadHandle(fd: number): RawHandle {
  return handleOf(new Socket({ fd, manualStart: true } as ConstructorParameters<typeof Socket>[0]));
}

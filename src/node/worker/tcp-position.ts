/**
 * How many bytes a process has read from a connection and written to it since it was accepted, as the kernel has counted them: what a
 * process that was killed cannot have told wrongly. Linux only: tcp_info of tcp(7) and linux/tcp.h, SIOCINQ and SIOCOUTQ of tcp(7).
 */
import koffi from "koffi";
import type { Position } from "../../session/judge-conversation.ts";

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const TCP_INFO_BYTES = 256;
/** Bytes from the beginning of struct tcp_info. */
const STATE_AT = 0;
const BYTES_ACKED_AT = 120;
const BYTES_RECEIVED_AT = 128;
const KNOWN_BYTES = 136;
/** CLOSE_WAIT, LAST_ACK, CLOSING: the peer has closed its side, which counts as a byte received. */
const CLOSED_BY_PEER: ReadonlySet<number> = new Set([8, 9, 11]);
const SIOCINQ = 0x541b;
const SIOCOUTQ = 0x5411;
/** Bytes may come while the counters are read. */
const TRIES = 100;

interface Calls {
  getsockopt(fd: number, level: number, name: number, value: Buffer, bytes: number[]): number;
  ioctl(fd: number, request: number, value: Int32Array): number;
}

let calls: Calls | undefined;

function library(): Calls {
  if (calls === undefined) {
    const libc = koffi.load(null);
    calls = {
      getsockopt: libc.func(
        "int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *bytes)",
      ),
      ioctl: libc.func("int ioctl(int fd, unsigned long request, _Out_ int *value)"),
    };
  }
  return calls;
}

/** Undefined where the kernel does not say. */
export function tcpPosition(fd: number): Position | undefined {
  if (process.platform !== "linux") return undefined;
  const libc = library();
  const info = Buffer.alloc(TCP_INFO_BYTES);
  const counters = (): { readonly acked: number; readonly received: number } | undefined => {
    const bytes = [TCP_INFO_BYTES];
    if (libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, bytes) !== 0 || bytes[0]! < KNOWN_BYTES)
      return undefined;
    return {
      acked: Number(info.readBigUInt64LE(BYTES_ACKED_AT)),
      received:
        Number(info.readBigUInt64LE(BYTES_RECEIVED_AT)) - (CLOSED_BY_PEER.has(info[STATE_AT]!) ? 1 : 0),
    };
  };
  for (let tried = 0; tried < TRIES; tried++) {
    const [unread, unsent] = [new Int32Array(1), new Int32Array(1)];
    const before = counters();
    if (
      before === undefined ||
      libc.ioctl(fd, SIOCINQ, unread) !== 0 ||
      libc.ioctl(fd, SIOCOUTQ, unsent) !== 0
    )
      return undefined;
    const after = counters();
    if (after?.acked !== before.acked || after.received !== before.received) continue;
    return { read: before.received - unread[0]!, written: before.acked + unsent[0]! };
  }
  return undefined;
}

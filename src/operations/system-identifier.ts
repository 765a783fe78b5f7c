/**
 * Gives a copied PGDATA a system identifier of its own, as if initdb had made it: PostgreSQL refuses a standby, a WAL file or a backup
 * whose identifier is another, and copies of one template would be taken for each other. Only for a server that was stopped cleanly.
 */
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readdirSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { OperationError } from "./operation-error.ts";

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C, the checksum of pg_control. */
export function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** pg_control ends with the checksum of all before it; where that is differs by version. */
function checksumOffset(control: Buffer): number {
  const smallest = 200;
  const largest = 500;
  for (let offset = smallest; offset <= largest; offset += 4) {
    if (crc32c(control.subarray(0, offset)) === control.readUInt32LE(offset)) return offset;
  }
  throw new OperationError("pg_control has no valid checksum");
}

/** Seconds above, chance below: initdb's own are made alike. */
function newIdentifier(): bigint {
  return (BigInt(Math.floor(Date.now() / 1000)) << 32n) | BigInt(randomBytes(4).readUInt32LE());
}

/** In the first page's header of every WAL segment, after 24 bytes that each page has. */
const walIdentifierOffset = 24;
const longHeaderFlag = 0x0002;

function patchWalSegment(path: string, from: bigint, to: bigint): void {
  const fd = openSync(path, "r+");
  try {
    const header = Buffer.alloc(walIdentifierOffset + 8);
    readSync(fd, header, 0, header.length, 0);
    // A segment made in advance is still empty.
    if ((header.readUInt16LE(2) & longHeaderFlag) === 0) return;
    if (header.readBigUInt64LE(walIdentifierOffset) !== from) return;
    const identifier = Buffer.alloc(8);
    identifier.writeBigUInt64LE(to);
    writeSync(fd, identifier, 0, identifier.length, walIdentifierOffset);
  } finally {
    closeSync(fd);
  }
}

export function renewSystemIdentifier(pgdata: string): void {
  const path = join(pgdata, "global", "pg_control");
  const control = readFileSync(path);
  const offset = checksumOffset(control);
  const from = control.readBigUInt64LE(0);
  const to = newIdentifier();
  control.writeBigUInt64LE(to, 0);
  control.writeUInt32LE(crc32c(control.subarray(0, offset)), offset);
  const wal = join(pgdata, "pg_wal");
  for (const name of readdirSync(wal).filter((entry) => /^[0-9A-F]{24}$/.test(entry))) {
    patchWalSegment(join(wal, name), from, to);
  }
  writeFileSync(path, control);
}

/** Values as one array parameter in binary form: no quoting, whatever bytes they hold. */
export function binaryArray(elementOid: number, values: readonly (Buffer | null)[]): Buffer {
  let size = 20;
  for (const value of values) size += 4 + (value?.length ?? 0);
  const out = Buffer.allocUnsafe(size);
  // Dimensions, "has NULLs", element type, length, lower bound.
  let at = out.writeInt32BE(1, 0);
  at = out.writeInt32BE(values.includes(null) ? 1 : 0, at);
  at = out.writeUInt32BE(elementOid, at);
  at = out.writeInt32BE(values.length, at);
  at = out.writeInt32BE(1, at);
  for (const value of values) {
    at = out.writeInt32BE(value === null ? -1 : value.length, at);
    if (value !== null) at += value.copy(out, at);
  }
  return out;
}

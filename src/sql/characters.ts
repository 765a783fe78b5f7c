/** Characters (Unicode code points) in bytes [start, end) of UTF-8: all bytes but the continuation bytes. Positions of errors count them. */
export function charactersIn(text: Buffer, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) if ((text[i]! & 0xc0) !== 0x80) count++;
  return count;
}

/**
 * Which line of the client's data a line of one node's part was: a server that complains of "line 2417" has counted what
 * it was sent. Only lines that a server may still complain of are remembered, so memory does not grow with the data.
 */

/** Bytes that may lie between us and the rows that a server has stored: two socket buffers, its read buffer, its insert buffers, our own queue; generously. */
const UNSETTLED_BYTES_MAX = 4 << 20;

interface Chunk {
  /** The node's number of the first line. */
  readonly firstLine: number;
  /** Client's line numbers, as distances from `base`. */
  readonly lines: Uint32Array;
  readonly base: number;
  readonly bytes: number;
}

export class LineIndex {
  private readonly chunks: Chunk[] = [];
  private keptBytes = 0;
  private firstLine = 1;
  private lines = new Uint32Array(256);
  private count = 0;
  private base = 0;

  /** The next lines sent are the client's lines from `line` on. */
  add(line: number, lines: number): void {
    if (this.count === 0) this.base = line;
    if (this.count + lines > this.lines.length) {
      const grown = new Uint32Array(Math.max(this.lines.length * 2, this.count + lines));
      grown.set(this.lines);
      this.lines = grown;
    }
    // Records that were put aside come later than those behind them: distances wrap around, and back when they are read.
    for (let i = 0; i < lines; i++) this.lines[this.count++] = line + i - this.base;
  }

  /** What was added since the last call left for the server as `bytes` bytes. */
  sent(bytes: number): void {
    this.chunks.push({
      firstLine: this.firstLine,
      lines: this.lines.slice(0, this.count),
      base: this.base,
      bytes,
    });
    this.keptBytes += bytes;
    while (this.chunks.length > 1 && this.keptBytes - this.chunks[0]!.bytes > UNSETTLED_BYTES_MAX)
      this.keptBytes -= this.chunks.shift()!.bytes;
    this.firstLine += this.count;
    this.count = 0;
  }

  /** The client's number of the node's line; undefined for one that is not remembered. */
  clientLine(nodeLine: number): number | undefined {
    for (let i = this.chunks.length - 1; i >= 0; i--) {
      const chunk = this.chunks[i]!;
      if (nodeLine < chunk.firstLine) continue;
      const distance = chunk.lines[nodeLine - chunk.firstLine];
      return distance === undefined ? undefined : chunk.base + (distance | 0);
    }
    return undefined;
  }
}

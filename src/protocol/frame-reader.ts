/**
 * Cuts a byte stream into protocol frames (type byte, int32 length that counts itself, body) without copying: a frame
 * that lies within one chunk is handed out as a range of that chunk. Only a frame cut by a chunk's end is assembled,
 * once, whatever its size (linear time for a 500 MB bytea).
 */
export interface FrameHandler {
  /** Frame in buffer[start, end); the type byte is at `start`. Returning false stops: the reader keeps what follows. */
  frame(type: number, buffer: Buffer, start: number, end: number): void;
  /** The frame that the stream began within has come to its end. */
  skipped?(type: number): void;
  /** A length below 4 or above the limit for its type: the stream cannot be followed any further. */
  invalidLength(type: number, length: number): void;
}

const HEADER_BYTES = 5;

export class FrameReader {
  private readonly handler: FrameHandler;
  private readonly lengthMax: (type: number) => number;
  /** Pieces of an incomplete frame and their total size; `needed` = full size of that frame, or 0 while the header is incomplete. */
  private pieces: Buffer[] = [];
  private piecesBytes = 0;
  private needed = 0;
  private stopped = false;
  private skipping = 0;
  private skippedHead = 0;

  constructor(handler: FrameHandler, lengthMax: (type: number) => number) {
    this.handler = handler;
    this.lengthMax = lengthMax;
  }

  /** Bytes that are held for an incomplete frame. */
  get heldBytes(): number {
    return this.skipping > 0 ? HEADER_BYTES : this.piecesBytes;
  }

  /** Full size of the incomplete frame; 0 while its header is incomplete, or there is none. */
  get neededBytes(): number {
    return this.skipping > 0 ? HEADER_BYTES + this.skipping : this.needed;
  }

  /** The first four bytes of the incomplete frame as one number, those that have not come being 0. */
  get heldHead(): number {
    if (this.skipping > 0) return this.skippedHead;
    let head = 0;
    let taken = 0;
    for (const piece of this.pieces)
      for (let i = 0; i < piece.length && taken < 4; i++, taken++) head |= piece[i]! << (24 - 8 * taken);
    return head;
  }

  /** The stream begins within a frame of which others have read the first bytes, `head` to begin with: this many more are dropped. */
  skip(bytes: number, head: number): void {
    this.skipping = bytes;
    this.skippedHead = head;
  }

  /** Nothing is handed out any more: what follows would be misread. */
  stop(): void {
    this.stopped = true;
    this.pieces = [];
    this.piecesBytes = 0;
  }

  push(chunk: Buffer): void {
    if (this.stopped) return;
    if (this.skipping > 0) {
      const skipped = Math.min(this.skipping, chunk.length);
      this.skipping -= skipped;
      if (this.skipping === 0) this.handler.skipped?.(this.skippedHead >>> 24);
      if (skipped === chunk.length) return;
      chunk = chunk.subarray(skipped);
    }
    if (this.piecesBytes > 0) {
      this.pieces.push(chunk);
      this.piecesBytes += chunk.length;
      if (this.needed === 0 && this.piecesBytes >= 5) {
        const head = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces);
        this.pieces = [head];
        const length = head.readInt32BE(1);
        if (length < 4 || length > this.lengthMax(head[0]!)) {
          this.stop();
          this.handler.invalidLength(head[0]!, length);
          return;
        }
        this.needed = length + 1;
      }
      if (this.needed === 0 || this.piecesBytes < this.needed) return;
      chunk = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces, this.piecesBytes);
      this.pieces = [];
      this.piecesBytes = 0;
      this.needed = 0;
    }
    this.cut(chunk);
  }

  private cut(chunk: Buffer): void {
    let at = 0;
    const size = chunk.length;
    while (at + 5 <= size) {
      const type = chunk[at]!;
      const length = (chunk[at + 1]! << 24) | (chunk[at + 2]! << 16) | (chunk[at + 3]! << 8) | chunk[at + 4]!;
      if (length < 4 || length > this.lengthMax(type)) {
        this.stop();
        this.handler.invalidLength(type, length);
        return;
      }
      const end = at + 1 + length;
      if (end > size) {
        this.needed = length + 1;
        break;
      }
      this.handler.frame(type, chunk, at, end);
      if (this.stopped) return;
      at = end;
    }
    if (at < size) {
      this.pieces = [at === 0 ? chunk : chunk.subarray(at)];
      this.piecesBytes = size - at;
      if (this.piecesBytes < 5) this.needed = 0;
    }
  }
}

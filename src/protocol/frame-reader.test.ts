import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameReader } from "./frame-reader.ts";

function frame(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

function collect(chunks: readonly Buffer[], lengthMax = 1 << 20): { frames: string[]; invalid: number[] } {
  const frames: string[] = [];
  const invalid: number[] = [];
  const reader = new FrameReader(
    {
      frame: (type, buffer, start, end) => frames.push(`${type}:${buffer.toString("hex", start + 5, end)}`),
      invalidLength: (_type, length) => invalid.push(length),
    },
    () => lengthMax,
  );
  for (const chunk of chunks) reader.push(chunk);
  return { frames, invalid };
}

describe("FrameReader", () => {
  test("frames are the same however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 300 })), {
          maxLength: 20,
        }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(([type, body]) => frame(type, Buffer.from(body))));
          const chunks: Buffer[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = cuts[i % cuts.length]!;
            chunks.push(stream.subarray(at, at + size));
            at += size;
          }
          const expected = messages.map(([type, body]) => `${type}:${Buffer.from(body).toString("hex")}`);
          expect(collect(chunks).frames).toEqual(expected);
        },
      ),
    );
  });

  test("S13: a length below 4 or above the limit stops the stream", () => {
    const good = frame(0x51, Buffer.from("x"));
    const bad = Buffer.from([0x51, 0, 0, 0, 3]);
    expect(collect([Buffer.concat([good, bad, good])])).toEqual({ frames: ["81:78"], invalid: [3] });
    const negative = Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff]);
    expect(collect([negative.subarray(0, 3), negative.subarray(3)]).invalid).toEqual([-1]);
    expect(collect([frame(0x51, Buffer.alloc(100))], 50).invalid).toEqual([104]);
  });
});

describe("a frame that has come in part", () => {
  const frames: string[] = [];
  const read = (reader: FrameReader, bytes: Buffer) => {
    reader.push(bytes);
    return frames.splice(0);
  };
  const readerOf = () =>
    new FrameReader(
      {
        frame: (type, buffer, start, end) =>
          frames.push(`${type}:${buffer.toString("latin1", start + 5, end)}`),
        skipped: (type) => frames.push(`skipped ${type}`),
        invalidLength: (_type, length) => frames.push(`invalid ${length}`),
      },
      () => 1 << 20,
    );
  const before = frame(0x50, Buffer.from("before"));
  // So long that each byte of its head says something.
  const text = "x".repeat(0x1_02_03);
  const message = frame(0x51, Buffer.from(text));
  const after = frame(0x53, Buffer.alloc(0));
  const headOf = (bytes: Buffer) => {
    const head = Buffer.alloc(4);
    bytes.copy(head);
    return head.readInt32BE();
  };
  const held = ({ heldBytes, neededBytes, heldHead }: FrameReader) => ({ heldBytes, neededBytes, heldHead });
  const NOTHING = { heldBytes: 0, neededBytes: 0, heldHead: 0 };
  const cuts = [1, 2, 3, 4, 5, 6, 200, message.length - 1].map((cut) => [cut]);

  test.each(cuts)("N1: cut behind %i bytes: what is held is known, at once and byte by byte", (cut) => {
    const part = message.subarray(0, cut);
    const expected = {
      heldBytes: cut,
      neededBytes: cut < 5 ? 0 : message.length,
      heldHead: headOf(part),
    };
    const atOnce = readerOf();
    expect(read(atOnce, Buffer.concat([before, part]))).toEqual(["80:before"]);
    expect(held(atOnce)).toEqual(expected);
    const byteByByte = readerOf();
    expect(read(byteByByte, before)).toEqual(["80:before"]);
    for (const byte of part) read(byteByByte, Buffer.from([byte]));
    expect(held(byteByByte)).toEqual(expected);
    for (const reader of [atOnce, byteByByte]) {
      expect(read(reader, message.subarray(cut))).toEqual([`81:${text}`]);
      expect(held(reader)).toEqual(NOTHING);
      expect(read(reader, after)).toEqual(["83:"]);
    }
  });

  test.each(cuts.slice(4))(
    "N1: who goes on behind %i bytes of it drops the rest, however it comes",
    (cut) => {
      const head = headOf(message);
      const rest = message.subarray(cut);
      for (const pieces of [
        [Buffer.concat([rest, after])],
        [...Array.from(rest.subarray(0, 9), (byte) => Buffer.from([byte])), rest.subarray(9)],
        [rest],
      ].map((all) => all.filter((piece) => piece.length > 0))) {
        const reader = readerOf();
        reader.skip(rest.length, head);
        let left = rest.length;
        for (const piece of pieces) {
          // Should this process die too, the next one has to drop as many.
          const { heldBytes, neededBytes, heldHead } = reader;
          expect(neededBytes - heldBytes).toBe(left);
          expect(heldBytes).toBeGreaterThanOrEqual(5);
          expect(heldHead).toBe(head);
          const seen = read(reader, piece);
          left = Math.max(0, left - piece.length);
          const atItsEnd = left === 0 ? ["skipped 81"] : [];
          expect(seen).toEqual(piece.length > rest.length ? [...atItsEnd, "83:"] : atItsEnd);
        }
        expect(held(reader)).toEqual(NOTHING);
        expect(read(reader, Buffer.concat([before, message]))).toEqual(["80:before", `81:${text}`]);
      }
    },
  );

  test.each([1, 2, 3, 4])("N1: who goes on behind %i bytes of its header reads all of it", (cut) => {
    const reader = readerOf();
    expect(read(reader, message.subarray(0, cut))).toEqual([]);
    expect(held(reader).heldHead).toBe(headOf(message.subarray(0, cut)));
    expect(read(reader, message.subarray(cut))).toEqual([`81:${text}`]);
  });

  test("N1: a large one that is dropped is cut again behind its end", () => {
    const reader = readerOf();
    reader.skip(300_000, headOf(message));
    for (let i = 0; i < 2; i++) expect(read(reader, Buffer.alloc(100_000, 0x51))).toEqual([]);
    expect(read(reader, Buffer.alloc(100_000, 0x51))).toEqual(["skipped 81"]);
    expect(held(reader)).toEqual(NOTHING);
    expect(read(reader, message.subarray(0, 7))).toEqual([]);
    expect(held(reader)).toMatchObject({ heldBytes: 7, neededBytes: message.length });
    expect(read(reader, message.subarray(7))).toEqual([`81:${text}`]);
  });
});

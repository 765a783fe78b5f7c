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

import { crc32 as zlibCrc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { crc32 } from "../src/segmenter/crc32";
import { parseEmbedding } from "../src/segmenter/embedding";
import { EmbeddingError } from "../src/segmenter/errors";
import { fromHalf } from "../src/segmenter/half";

const HEADER = {
  model: "mobile-sam@0123",
  image_hw: [30, 40],
  input_px: 64,
  arrays: [{ name: "image_embed", shape: [2, 1, 3] }],
};
const ONE_HALVES = [0x3c00, 0xbc00, 0x0001, 0x7bff, 0x8000, 0x7c00];
const NUMBERS = [1, -1, 2 ** -24, 65504, -0, Infinity];

/** What `ImageEmbedding.to_bytes` of Python makes; `cutBytes` are missing at the end. */
function bytesOf(header: unknown, halves: number[], cutBytes = 0): ArrayBuffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const numbers = Buffer.from(Uint16Array.from(halves).buffer);
  const rest = Buffer.concat([padded, numbers.subarray(0, numbers.length - cutBytes)]);
  const head = Buffer.alloc(16);
  head.write("ANYMASK\x01", "latin1");
  head.writeUInt32LE(padded.length, 8);
  head.writeUInt32LE(zlibCrc32(rest), 12);
  return new Uint8Array(Buffer.concat([head, rest])).buffer;
}

describe("an embedding", () => {
  it("is read back", () => {
    const { arrays, ...about } = parseEmbedding(bytesOf(HEADER, ONE_HALVES));
    expect(about).toEqual({ imageHw: [30, 40], inputPx: 64, model: "mobile-sam@0123" });
    expect(arrays.get("image_embed")?.shape).toEqual([2, 1, 3]);
    expect(Array.from(arrays.get("image_embed")!.numbers)).toEqual(NUMBERS);
  });

  it("may have several arrays, as SAM 2's", () => {
    const header = {
      ...HEADER,
      arrays: [
        { name: "fine", shape: [1, 4] },
        { name: "coarse", shape: [2] },
      ],
    };
    const { arrays } = parseEmbedding(bytesOf(header, ONE_HALVES));
    expect([...arrays.keys()]).toEqual(["fine", "coarse"]);
    expect(Array.from(arrays.get("coarse")!.numbers)).toEqual(NUMBERS.slice(4));
  });

  it.each([
    ["empty", new ArrayBuffer(0)],
    ["short", new ArrayBuffer(12)],
    ["foreign", Uint8Array.from({ length: 64 }, (_, i) => i).buffer],
  ])("is refused when %s", (_, bytes) => {
    expect(() => parseEmbedding(bytes)).toThrow("these bytes are no image embedding of anymask");
  });

  it("is refused whichever byte behind the magic flips", () => {
    const bytes = bytesOf(HEADER, ONE_HALVES);
    for (let at = 8; at < bytes.byteLength; at++) {
      const flipped = bytes.slice(0);
      new Uint8Array(flipped)[at] ^= 4;
      expect(() => parseEmbedding(flipped), `byte ${at}`).toThrow(EmbeddingError);
    }
  });

  it.each<[string, unknown, number?]>([
    ["no JSON", "{"],
    ["no object", "null"],
    ["no model", { ...HEADER, model: 3 }],
    ["half a size", { ...HEADER, image_hw: [30] }],
    ["a size of three", { ...HEADER, image_hw: [30, 40, 3] }],
    ["a size of zero", { ...HEADER, image_hw: [0, 40] }],
    ["a size that is huge", { ...HEADER, input_px: 2 ** 31 }],
    ["a shape that is text", { ...HEADER, arrays: [{ name: "a", shape: "6" }] }],
    ["arrays that are none", { ...HEADER, arrays: { length: 1 } }],
    ["numbers left over", { ...HEADER, arrays: [{ name: "a", shape: [5] }] }],
    ["numbers missing", { ...HEADER, arrays: [{ name: "a", shape: [7] }] }],
    ["more than memory", { ...HEADER, arrays: [{ name: "a", shape: [2e9, 2e9] }] }],
    ["half a number", HEADER, 1],
  ])("is refused with a sound checksum but %s", (_, header, cutBytes) => {
    const bytes = bytesOf(header, ONE_HALVES, cutBytes);
    expect(() => parseEmbedding(bytes)).toThrow(EmbeddingError);
    expect(() => parseEmbedding(bytes)).toThrow("damaged");
  });
});

describe("float16", () => {
  it("is right for every bit pattern", () => {
    const decoded = fromHalf(Uint16Array.from({ length: 65536 }, (_, bits) => bits));
    for (let bits = 0; bits < 65536; bits++) {
      const sign = bits & 0x8000 ? -1 : 1;
      const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
      let value = sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
      if (exponent === 0) value = sign * 2 ** -14 * (fraction / 1024);
      if (exponent === 31) value = fraction ? NaN : sign * Infinity;
      if (!Object.is(decoded[bits], value)) expect.fail(`${bits}: ${decoded[bits]}, not ${value}`);
    }
  });
});

describe("CRC-32", () => {
  it("is zlib's", () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
    for (const length of [0, 1, 7, 1000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * i);
      expect(crc32(bytes)).toBe(zlibCrc32(bytes));
    }
  });
});

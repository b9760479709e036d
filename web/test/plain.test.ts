import { expect, it } from "vitest";
import { isPlain } from "../src/page/plain";

const text = (letters: string) => Array.from(letters, (letter) => letter.charCodeAt(0));
const chunk = (name: string, length: number) => [
  ...[0, 0, 0, length],
  ...text(name),
  ...new Array<number>(length + 4).fill(0),
];
const png = (depth: number, ...more: number[][]) => [
  ...[137, ...text("PNG\r\n"), 26, 10],
  ...[0, 0, 0, 13, ...text("IHDR"), 0, 0, 0, 9, 0, 0, 0, 9, depth, 2, 0, 0, 0, 1, 2, 3, 4],
  ...more.flat(),
];
const segment = (marker: number, ...content: number[]) => [
  ...[0xff, marker, 0, content.length + 2],
  ...content,
];
const frame = (marker: number, components: number, depth = 8) =>
  segment(marker, depth, 0, 9, 0, 9, components, 0, 0);
const jpeg = (...segments: number[][]) => [0xff, 0xd8, ...segments.flat()];
const webp = (kind: string, flags: number) => [
  ...[...text("RIFF"), 0, 0, 0, 0, ...text("WEBP"), ...text(kind), 10, 0, 0, 0, flags, 0, 0, 0],
];

it.each<[string, number[], boolean]>([
  ["a JPEG of colours", jpeg(segment(0xe0, 1, 2), frame(0xc0, 3)), true],
  ["a progressive JPEG of grey", jpeg(segment(0xc4, 1), frame(0xc2, 1)), true],
  ["a JPEG of inks", jpeg(segment(0xe1, 1), frame(0xc0, 4)), false],
  ["a JPEG of 12 bits", jpeg(frame(0xc1, 1, 12)), false],
  ["a JPEG whose frame is far away", jpeg(segment(0xe1, 1)), false],
  ["a PNG of 8 bits", png(8, chunk("IDAT", 3)), true],
  ["a PNG of a palette of 4 bits", png(4, chunk("PLTE", 6), chunk("IDAT", 3)), true],
  ["a PNG of 16 bits", png(16, chunk("IDAT", 3)), false],
  ["a PNG that moves", png(8, chunk("acTL", 8), chunk("IDAT", 3)), false],
  ["a still WebP", webp("VP8 ", 2), true],
  ["an extended WebP", webp("VP8X", 16), true],
  ["a WebP that moves", webp("VP8X", 18), false],
  ["a GIF", text("GIF89a"), false],
  ["a TIFF", text("II*\0"), false],
  ["nothing", [], false],
])("%s: read here? %j", (_, bytes, expected) => {
  expect(isPlain(Uint8Array.from(bytes))).toBe(expected);
});

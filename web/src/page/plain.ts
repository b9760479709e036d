// Which pictures a browser reads as anymask does: the others go to the server.

export const HEAD_BYTES = 1 << 20; // of a file, within which its kind shows

const PNG = [137, 80, 78, 71, 13, 10, 26, 10];
const JPEG = [0xff, 0xd8, 0xff];
const DEPTH_AT = 24; // in a PNG: bits of a sample
const ANIMATED_WEBP = 2; // a flag of its extended header

/**
 * Whether a file is a JPEG of grey or three colours, a PNG of 8 bits at most or a WebP, and no film.
 * Browsers keep the upper 8 of 16 bits, which shows 12-bit pictures black, and play films.
 *
 * head: its first bytes, HEAD_BYTES if it has so many.
 */
export function isPlain(head: Uint8Array): boolean {
  if (starts(head, JPEG)) return jpegComponents(head) < 4;
  if (starts(head, PNG)) return head[DEPTH_AT] <= 8 && !hasChunkBeforeData(head, "acTL");
  if (letters(head, 0) === "RIFF" && letters(head, 8) === "WEBP") {
    return !(letters(head, 12) === "VP8X" && head[20] & ANIMATED_WEBP);
  }
  return false;
}

/** Of the first frame header; Infinity if there is none. */
function jpegComponents(head: Uint8Array): number {
  for (let at = 2; at + 9 < head.length && head[at] === 0xff;) {
    const marker = head[at + 1];
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return head[at + 4] === 8 ? head[at + 9] : Infinity; // of 8 bits
    at += marker === 0xff ? 1 : 2 + 256 * head[at + 2] + head[at + 3];
  }
  return Infinity;
}

function hasChunkBeforeData(head: Uint8Array, name: string): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  for (let at = PNG.length; at + 8 <= head.length; at += 12 + view.getUint32(at)) {
    const found = letters(head, at + 4);
    if (found === name) return true;
    if (found === "IDAT") return false;
  }
  return false;
}

function starts(head: Uint8Array, with_: readonly number[]): boolean {
  return with_.every((byte, i) => head[i] === byte);
}

function letters(head: Uint8Array, at: number): string {
  return String.fromCharCode(...head.subarray(at, at + 4));
}

import { crc32, inflateSync } from "node:zlib";
import { expect, it } from "vitest";
import { greyPng } from "../src/page/png";

it("a grey PNG has the chunks, sums and rows that the standard asks for", async () => {
  const blob = await greyPng(Uint8Array.of(1, 2, 3, 4, 5, 255), 3, 2);
  const bytes = Buffer.from(await blob.arrayBuffer());
  expect(blob.type).toBe("image/png");
  expect(bytes.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
  const chunks: Record<string, Buffer> = {};
  for (let at = 8; at < bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at);
    expect(bytes.readUInt32BE(end)).toBe(crc32(bytes.subarray(at + 4, end)));
    chunks[bytes.toString("latin1", at + 4, at + 8)] = bytes.subarray(at + 8, end);
    at = end + 4;
  }
  expect(Object.keys(chunks)).toEqual(["IHDR", "IDAT", "IEND"]);
  expect([...chunks["IHDR"]]).toEqual([0, 0, 0, 3, 0, 0, 0, 2, 8, 0, 0, 0, 0]);
  expect([...inflateSync(chunks["IDAT"])]).toEqual([0, 1, 2, 3, 0, 4, 5, 255]);
});

import { describe, expect, it } from "vitest";
import { encoderInput } from "../src/segmenter/picture";
import { type Raster, resample, triangleTaps } from "../src/segmenter/resample";
import { ResizeMap } from "../src/segmenter/resize-map";

/** 7 × 5 pixels with every jump between neighbours. */
const SOURCE: Raster = {
  data: Uint8Array.from({ length: 105 }, (_, i) => (i * i * 7 + i * 31) % 256),
  width: 7,
  height: 5,
  channels: 3,
};

describe("resampling", () => {
  // Image.fromarray(SOURCE).resize((width, height), Image.Resampling.BILINEAR) of Pillow 13.0.0
  it.each<[number, number, number[]]>([
    [
      3,
      2,
      [130, 139, 101, 116, 119, 142, 150, 133, 134, 93, 164, 115, 145, 118, 120, 177, 95, 115],
    ],
    [
      2,
      4,
      [
        115, 132, 123, 132, 144, 140, 133, 127, 113, 142, 119, 133, 114, 149, 109, 152, 80, 129,
        106, 153, 126, 190, 117, 99,
      ],
    ],
    [1, 1, [133, 125, 121]],
    [7, 5, Array.from(SOURCE.data)],
  ])("to %i×%i is Pillow's, byte for byte", (width, height, expected) => {
    const { data, ...size } = resample(SOURCE, width, height);
    expect(size).toEqual({ width, height, channels: 3 });
    expect(Array.from(data)).toEqual(expected);
  });

  it("enlarges as Pillow does", () => {
    const { data } = resample(SOURCE, 9, 6);
    const firstRow = [
      0, 38, 90, 104, 170, 79, 168, 152, 123, 159, 91, 180, 78, 242, 164, 95, 93, 47, 182, 156, 143,
      169, 175, 195, 10, 44, 92,
    ];
    expect(Array.from(data.slice(0, 27))).toEqual(firstRow);
  });

  it("takes no notice of a fourth channel", () => {
    const pixels = Array.from({ length: 35 }, (_, i) => [
      ...SOURCE.data.slice(3 * i, 3 * i + 3),
      255,
    ]);
    const opaque = { ...SOURCE, data: Uint8ClampedArray.from(pixels.flat()), channels: 4 };
    expect(resample(opaque, 4, 3)).toEqual(resample(SOURCE, 4, 3));
  });

  it("weighs by a triangle as wide as two results", () => {
    const { first, count, weights, stride } = triangleTaps(4, 2);
    expect([...first]).toEqual([0, 1]);
    expect([...count]).toEqual([3, 3]);
    // Distances from the first centre, in results: 1/4, 1/4, 3/4; of the second the mirror image.
    const shares = [3 / 7, 3 / 7, 1 / 7];
    shares.forEach((share, i) => {
      expect(weights[i] / 2 ** 22).toBeCloseTo(share, 6);
      expect(weights[stride + 2 - i] / 2 ** 22).toBeCloseTo(share, 6);
    });
  });

  it("changes nothing in a plain area", () => {
    const plain = { data: new Uint8Array(1000 * 3).fill(255), width: 1000, height: 1, channels: 3 };
    expect(new Set(resample(plain, 37, 1).data)).toEqual(new Set([255]));
  });
});

describe("the encoder's input", () => {
  it("is planar, normalised, and zero beyond the image", () => {
    const orange = Uint8Array.from({ length: 24 }, (_, i) => [255, 155, 55][i % 3]);
    const picture = { data: orange, width: 4, height: 2, channels: 3 };
    const input = encoderInput(picture, new ResizeMap([2, 4], 4), [55, 55, 56], [100, 50, 1]);
    const plane = (value: number) => [...Array(8).fill(value), ...Array(8).fill(0)];
    expect(Array.from(input)).toEqual([...plane(2), ...plane(2), ...plane(-1)]);
  });

  it("fills the square when stretched", () => {
    const white = { data: new Uint8Array(24).fill(255), width: 4, height: 2, channels: 3 };
    const map = new ResizeMap([2, 4], 4, "stretch");
    expect(new Set(encoderInput(white, map, [0, 0, 0], [1, 1, 1]))).toEqual(new Set([255]));
  });
});

import { describe, expect, it } from "vitest";
import { ColourBook, PALETTE } from "../../src/annotate/view";

type Colour = readonly number[];

// How colours are seen without one of the three kinds of cones: Machado, Oliveira & Fernandes 2009,
// severity 1, on linear RGB.
const SIGHTS: Record<string, readonly Colour[]> = {
  common: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], // prettier-ignore
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]], // prettier-ignore
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]], // prettier-ignore
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]], // prettier-ignore
};
const TOLD_APART = 12; // CIE 1976; one is just noticed side by side

function linear(colour: string): Colour {
  return [1, 3, 5].map((at) => {
    const share = parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
}

const times = (matrix: readonly Colour[], colour: Colour): number[] =>
  matrix.map((row) => row.reduce((sum, factor, i) => sum + factor * colour[i], 0));

function lab(colour: Colour): Colour {
  const clipped = colour.map((share) => Math.min(Math.max(share, 0), 1));
  const toXyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]; // prettier-ignore
  const white = [0.9505, 1, 1.089];
  const [x, y, z] = times(toXyz, clipped).map((value, i) => {
    const share = value / white[i];
    return share > 0.008856 ? Math.cbrt(share) : 7.787 * share + 16 / 116;
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

describe("the colours of masks", () => {
  it.each(Object.keys(SIGHTS))("are told apart with %s", (sight) => {
    const seen = PALETTE.map((colour) => lab(times(SIGHTS[sight], linear(colour))));
    seen.forEach((one, i) => {
      seen.slice(0, i).forEach((other, j) => {
        const apart = Math.hypot(...one.map((value, k) => value - other[k]));
        expect(apart, `${PALETTE[i]} and ${PALETTE[j]}`).toBeGreaterThan(TOLD_APART);
      });
    });
  });

  it("differ between neighbours and stay with their masks", () => {
    const book = new ColourBook();
    const row = Array.from({ length: 40 }, (_, i) =>
      book.colourOf(`${i}`, [10 * i, 0, 10 * i + 10, 10]),
    );
    row.forEach((colour, i) => expect(colour).not.toBe(row[i - 1]));
    expect(new Set(row).size).toBe(PALETTE.length);
    expect(book.colourOf("3", [0, 0, 5, 5])).toBe(row[3]);
    book.forget("3");
    expect(PALETTE).toContain(book.colourOf("3", [30, 0, 40, 10]));
  });
});

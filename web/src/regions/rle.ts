// COCO's compressed run lengths, letter for letter as pycocotools writes them (maskApi.c): column by
// column over the whole image, the first run outside of the mask. Straight from and to the box.

import type { BoxXyxy } from "../segmenter";
import { lowest } from "./bits";
import { Grid } from "./grid";
import { type Region, RegionError } from "./region";

export interface Rle {
  /** Height, width. */
  readonly size: readonly [number, number];
  readonly counts: string;
}

const FIRST_LETTER = 48;
const MOST_LETTERS = 7; // of a number: 35 bits
const MOST_PIXELS = 2 ** 31 - 1; // what 32 bits with a sign count

export function encodeRle(region: Region): Rle {
  return { size: [region.height, region.width], counts: text(lengthsOf(region)) };
}

/** Throws RegionError for what does not fill its size exactly. */
export function decodeRle({ size: [height, width], counts }: Rle): Region {
  const whole = [height, width].every((side) => Number.isInteger(side) && side > 0);
  if (!whole || width * height > MOST_PIXELS) {
    throw new RegionError(`a mask of ${width}×${height} pixels can't be read`);
  }
  const lengths = numbersOf(counts);
  const pixels = lengths.reduce((sum, length) => sum + length, 0);
  if (pixels !== width * height || lengths.some((length) => length < 0)) {
    throw new RegionError(`run lengths of ${pixels} pixels do not fill ${width}×${height}`);
  }
  const grid = new Grid({ width, height }, boxOf(lengths, height));
  paint(grid, lengths);
  return grid.region();
}

/** The lengths of the runs. Two passes over the words: how many borders a column has, and where. */
function lengthsOf(region: Region): number[] {
  const [left, , right] = region.box;
  const ends = new Int32Array(right - left + 1); // of each column's borders, then its first
  eachBorder(region, (x) => ends[x - left]++);
  for (let x = 0, sum = 0; x <= right - left; x++) {
    const count = ends[x];
    ends[x] = sum;
    sum += count;
  }
  const borders = new Int32Array(ends[right - left]); // rows, column by column, each rising
  eachBorder(region, (x, y) => (borders[ends[x - left]++] = y)); // now each is its column's end
  const { width, height } = region;
  const lengths: number[] = [];
  let last = 0; // the place, column by column, of the border before
  for (let x = left, i = 0; x < right; x++) {
    for (; i < ends[x - left]; i++) {
      const place = x * height + borders[i];
      // A run that goes on from the foot of a column at the head of the next is one.
      if (place === last && lengths.length) last -= lengths.pop()!;
      else {
        lengths.push(place - last);
        last = place;
      }
    }
  }
  if (last < width * height || !lengths.length) lengths.push(width * height - last);
  return lengths;
}

/** Every pixel that differs from the one above it, row by row; also below the last row. */
function eachBorder(region: Region, visit: (x: number, y: number) => void): void {
  const { words, rowWords, firstWord, box } = region;
  for (let y = box[1], i = 0; y <= box[3]; y++) {
    for (let column = 0; column < rowWords; column++, i++) {
      const above = i < rowWords ? 0 : words[i - rowWords];
      let differs = above ^ (i < words.length ? words[i] : 0);
      for (; differs; differs &= differs - 1) {
        visit(32 * (firstWord + column) + lowest(differs), y);
      }
    }
  }
}

/** A box that has all runs inside. */
function boxOf(lengths: readonly number[], height: number): BoxXyxy {
  let [left, top, right, bottom] = [-1, height, 0, 0];
  let place = 0;
  lengths.forEach((length, i) => {
    if (i % 2 && length) {
      const [first, last] = [Math.floor(place / height), Math.floor((place + length - 1) / height)];
      if (left < 0) left = first;
      right = last + 1;
      top = first === last ? Math.min(top, place % height) : 0;
      bottom = first === last ? Math.max(bottom, (place % height) + length) : height;
    }
    place += length;
  });
  return left < 0 ? [0, 0, 0, 0] : [left, top, right, bottom];
}

/** Mark where each column changes, then let the marks flow down. */
function paint(grid: Grid, lengths: readonly number[]): void {
  const { words, rowWords, firstWord, top, bottom } = grid;
  const { height } = grid.image;
  const mark = (x: number, y: number) => {
    if (y < bottom) words[(y - top) * rowWords + (x >> 5) - firstWord] ^= 1 << (x & 31);
  };
  let place = 0;
  lengths.forEach((length, i) => {
    const end = place + length;
    for (; i % 2 && place < end;) {
      const x = Math.floor(place / height);
      const y = place - x * height;
      const stop = Math.min(y + end - place, height);
      mark(x, y);
      mark(x, stop);
      place += stop - y;
    }
    place = end;
  });
  for (let i = rowWords; i < words.length; i++) words[i] ^= words[i - rowWords];
}

/**
 * Numbers as letters of 5 bits, lowest first, 32 added to all but the last of a number; from the
 * fourth number on the difference to the last but one.
 */
function text(lengths: readonly number[]): string {
  const letters: number[] = [];
  lengths.forEach((length, i) => {
    let rest = i > 2 ? length - lengths[i - 2] : length;
    for (let more = true; more;) {
      const bits = rest & 31;
      rest >>= 5;
      more = rest !== (bits & 16 ? -1 : 0);
      letters.push(FIRST_LETTER + bits + (more ? 32 : 0));
    }
  });
  return new TextDecoder().decode(Uint8Array.from(letters));
}

function numbersOf(counts: string): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < counts.length;) {
    let [value, unit] = [0, 1];
    for (let more = true, count = 1; more; count++, i++) {
      const letter = counts.charCodeAt(i) - FIRST_LETTER; // after the last letter not a number
      if (!(letter >= 0 && letter < 64) || count > MOST_LETTERS) {
        throw new RegionError(`a mask's run lengths break off or are damaged at letter ${i + 1}`);
      }
      more = letter >= 32;
      value += (letter & 31) * unit;
      unit *= 32;
      if (!more && letter & 16) value -= unit;
    }
    numbers.push(numbers.length > 2 ? value + numbers[numbers.length - 2] : value);
  }
  return numbers;
}

// A region in the making: pixels that may still change, within a box of the image.

import type { BoxXyxy } from "../segmenter";
import { lowest, span } from "./bits";
import { type ImageSize, Region, RegionError } from "./region";

export class Grid {
  readonly top: number;
  readonly bottom: number;
  readonly firstWord: number;
  readonly rowWords: number;
  /** As those of a region, but there may be ones beside the box, in the same words. */
  readonly words: Int32Array;
  private readonly left: number;
  private readonly right: number;

  /** box: all that can change; what of it is outside of the image cannot. */
  constructor(
    readonly image: ImageSize,
    box: BoxXyxy,
  ) {
    this.left = Math.max(box[0], 0);
    this.top = Math.max(box[1], 0);
    this.right = Math.max(Math.min(box[2], image.width), this.left);
    this.bottom = Math.max(Math.min(box[3], image.height), this.top);
    this.firstWord = this.left >> 5;
    this.rowWords = this.right > this.left ? ((this.right + 31) >> 5) - this.firstWord : 0;
    this.words = new Int32Array(this.rowWords * (this.bottom - this.top));
  }

  /** The pixels of a row from `start` to before `stop`. What is outside of the grid is left out. */
  fill(y: number, start: number, stop: number): void {
    start = Math.max(start, this.left);
    stop = Math.min(stop, this.right);
    if (start >= stop || y < this.top || y >= this.bottom) return;
    const { words } = this;
    const row = (y - this.top) * this.rowWords - this.firstWord;
    const [first, last] = [row + (start >> 5), row + ((stop - 1) >> 5)];
    const end = ((stop - 1) & 31) + 1;
    if (first === last) {
      words[first] |= span(start & 31, end);
      return;
    }
    words[first] |= -1 << (start & 31);
    words.fill(-1, first + 1, last);
    words[last] |= span(0, end);
  }

  add(region: Region): this {
    return this.combine(region, "add");
  }

  remove(region: Region): this {
    return this.combine(region, "remove");
  }

  /** Every pixel of the region becomes what it was not. */
  flip(region: Region): this {
    return this.combine(region, "flip");
  }

  /** Only what is in the region, too, stays: of the pixels in the region's box. */
  keep(region: Region): this {
    return this.combine(region, "keep");
  }

  /** The pixels as a value. The grid must not change after. */
  region(): Region {
    const { image, words, rowWords } = this;
    const columns = new Int32Array(rowWords); // which bits any row has
    let [first, end] = [-1, 0];
    for (let row = 0, i = 0; i < words.length; row++) {
      let any = 0;
      for (let column = 0; column < rowWords; column++, i++) {
        any |= words[i];
        columns[column] |= words[i];
      }
      if (!any) continue;
      if (first < 0) first = row;
      end = row + 1;
    }
    if (first < 0) return Region.empty(image);
    const start = columns.findIndex((word) => word !== 0);
    const stop = columns.findLastIndex((word) => word !== 0);
    const left = 32 * (this.firstWord + start) + lowest(columns[start]);
    const right = 32 * (this.firstWord + stop) + 32 - Math.clz32(columns[stop]);
    const box = [left, this.top + first, right, this.top + end] as const;
    return new Region(image.width, image.height, box, this.part(first, end, start, stop + 1));
  }

  private part(first: number, end: number, start: number, stop: number): Int32Array {
    const { words, rowWords } = this;
    const whole = end - first === this.bottom - this.top && stop - start === rowWords;
    if (whole) return words;
    const part = new Int32Array((end - first) * (stop - start));
    for (let row = first, to = 0; row < end; row++, to += stop - start) {
      part.set(words.subarray(row * rowWords + start, row * rowWords + stop), to);
    }
    return part;
  }

  private combine(region: Region, operation: Operation): this {
    if (region.width !== this.image.width || region.height !== this.image.height) {
      const sizes = [this.image, region].map(({ width, height }) => `${width}×${height}`);
      throw new RegionError(`regions of images of ${sizes.join(" and ")} do not meet`);
    }
    const { words, rowWords, firstWord } = this;
    const top = Math.max(this.top, region.box[1]);
    const bottom = Math.min(this.bottom, region.box[3]);
    const start = Math.max(firstWord, region.firstWord);
    const count = Math.min(firstWord + rowWords, region.firstWord + region.rowWords) - start;
    for (let y = top; count > 0 && y < bottom; y++) {
      const mine = (y - this.top) * rowWords + start - firstWord;
      const other = (y - region.box[1]) * region.rowWords + start - region.firstWord;
      combineRow(operation, words, mine, region.words, other, count);
    }
    return this;
  }
}

type Operation = "add" | "remove" | "flip" | "keep";

/** A loop each: a function called for each word would take twice as long. */
function combineRow(
  operation: Operation,
  words: Int32Array,
  at: number,
  others: Int32Array,
  from: number,
  count: number,
): void {
  if (operation === "add") for (let i = 0; i < count; i++) words[at + i] |= others[from + i];
  else if (operation === "keep") for (let i = 0; i < count; i++) words[at + i] &= others[from + i];
  else if (operation === "flip") for (let i = 0; i < count; i++) words[at + i] ^= others[from + i];
  else for (let i = 0; i < count; i++) words[at + i] &= ~others[from + i];
}

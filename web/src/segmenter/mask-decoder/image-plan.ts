// What is prepared of an image for all prompts about it, and changed by a mask: where it lies, and
// the steps that compute it (kernels/image-steps.ts).

import { BYTES, Rooms } from "../kernels/rooms";
import type { Step } from "../kernels/thread";
import type { Weights } from "../kernels/weights";
import { COLUMNS, type MaskDecoderConfig, type Sizes } from "./config";

export const SCRATCH = 1024; // numbers that any of these steps needs of its own
const MASK_ROWS = 17; // of an embedded mask's panels
const ROW_BYTES = COLUMNS * BYTES; // of a panel

/** The addresses of an image's numbers. */
export interface Image {
  readonly own: number;
  readonly seen: number;
  readonly upscaled: number;
  readonly squares: number;
}

/** What an image takes: its addresses from one on, and where they end. */
export function imageAt(sizes: Sizes, start: number): Image & { readonly end: number } {
  const { length, channels, ownRows, seenColumns } = sizes;
  const rooms = new Rooms(start);
  const own = rooms.room(length * ownRows);
  const seen = rooms.room(length * seenColumns);
  const upscaled = rooms.room(length * channels);
  const squares = rooms.room(2 * length);
  return { own, seen, upscaled, squares, end: rooms.end };
}

/** What is used in between, and where positions' own rows lie. */
export class ImagePlan {
  /** A map (C, L) and logits (4·side, 4·side) that are taken in. */
  readonly map: number;
  readonly mask: number;
  readonly places: number;
  private readonly panels: number;
  private readonly maskPanels: number;

  constructor(
    private readonly config: MaskDecoderConfig,
    private readonly sizes: Sizes,
    private readonly weights: Weights,
    rooms: Rooms,
  ) {
    const { length, channels } = sizes;
    this.map = rooms.room(length * channels);
    this.panels = rooms.room(length * (channels + 1));
    this.mask = rooms.room(16 * length);
    this.maskPanels = rooms.room(length * MASK_ROWS);
    this.places = rooms.room(length * sizes.places);
  }

  /** Of the encoded positions in `map`, once. */
  placing(): Step[] {
    const { length, channels, places } = this.sizes;
    const weight = this.weights.at("where.weight");
    return [
      ["packImage", this.map, length, channels, this.panels],
      ["across", this.panels, length, channels + 1, weight, places, 0, places, this.places],
    ];
  }

  /** Of an embedding in `map`. */
  preparing(image: Image): Step[] {
    const { weights } = this;
    const { length, channels, ownRows, seenColumns } = this.sizes;
    const height = channels + 1; // of panels, the last row being ones
    const all = [this.panels, length, height, channels] as const;
    const [group, pitch] = [length * ROW_BYTES, ROW_BYTES];
    const norms = [weights.at("no_mask"), weights.at("gain_1")];
    const own = weights.at("own.weight");
    const [seen, upscaled] = [weights.layer("seen"), weights.layer("upscaled")];
    return [
      ["packImage", this.map, length, channels, this.panels],
      ["across", this.panels, length, height, own, ownRows, 0, ownRows, image.own],
      ["along", ...all, ...seen, seenColumns, 0, group, pitch, image.seen],
      ["along", ...all, ...upscaled, channels, 0, ROW_BYTES, BYTES * channels, image.upscaled],
      ["squares", this.panels, length, channels, ...norms, image.squares],
    ];
  }

  /** Of an image and the logits in `mask`. */
  masking(from: Image, to: Image): Step[] {
    const { weights, maskPanels } = this;
    const { length, side, channels, ownRows, maskedRows, maskedColumns } = this.sizes;
    const layers = ["mask.1", "mask.2"].flatMap((name) => [
      ...weights.layer(name),
      ...weights.norm(name),
    ]);
    const all = [maskPanels, length, MASK_ROWS, MASK_ROWS] as const;
    const [group, pitch] = [length * ROW_BYTES, ROW_BYTES];
    const own = [weights.at("own.mask"), maskedRows, from.own, ownRows] as const;
    const seen = [weights.at("seen.mask"), 0, maskedColumns, from.seen] as const;
    const upscaled = [weights.at("upscaled.mask"), 0, channels, from.upscaled] as const;
    return [
      ["embedMask", this.mask, side, this.config.mask_eps, ...layers, maskPanels],
      ["across", maskPanels, length, MASK_ROWS, ...own, to.own],
      ["along", ...all, ...seen, group, pitch, to.seen],
      ["along", ...all, ...upscaled, ROW_BYTES, BYTES * channels, to.upscaled],
      this.maskSquares(from, to, 0),
      this.maskSquares(from, to, 1),
    ];
  }

  private maskSquares(from: Image, to: Image, norm: number): Step {
    const { length, ownRows } = this.sizes;
    const products = this.weights.at(`mask.products.${norm + 1}`);
    const own = from.own + this.sizes.maskRow(norm) * ROW_BYTES;
    const [before, after] = [from, to].map(({ squares }) => squares + norm * length * BYTES);
    return ["maskSquares", this.maskPanels, length, own, ownRows, products, before, after];
  }
}

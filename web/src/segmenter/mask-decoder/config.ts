// What is known of a mask decoder's weights (anymask/export/decoder_tensors.py), and sizes that
// follow from it. The letters are those of kernels/image-steps.ts.

/** As the file's metadata has it. */
export interface MaskDecoderConfig {
  readonly width: number;
  readonly heads: number;
  readonly mlp_hidden: number;
  /** Positions along a side of an embedding. */
  readonly grid: number;
  readonly input_px: number;
  /** Hidden width of a second look at masks; null for none. */
  readonly ranking: number | null;
  readonly norm_eps: number;
  readonly upscale_eps: number;
  readonly mask_eps: number;
}

export const MASKS = 4;
export const OUTPUTS = 1 + MASKS; // tokens: the IoU's and the masks'
export const PART = 64; // positions that are computed together
export const COLUMNS = 8; // of a panel

/** The image's own rows, in their order, and which of them positions add to. */
const OWN = [
  ...["keys_1", "queries_1", "told_1_1"],
  ...["keys_2", "queries_2", "told_1_2", "told_2_2"],
  "keys_last",
];
const PLACES = ["keys_1", "queries_1", "keys_2", "queries_2", "keys_last"];
const SEEN = ["values_1", "values_2", "values_last"];
const ALWAYS = 4; // rows of what layers always tell; the last is spare
const MASK_RANKS = 20; // rows of products with what masks add, three of them spare, for two norms

export class Sizes {
  readonly channels: number;
  readonly heads: number;
  /** Of a cross-attention, and of each of its heads. */
  readonly inner: number;
  readonly head: number;
  readonly side: number;
  /** L. */
  readonly length: number;
  readonly ranking: number;

  constructor({ width, heads, grid, ranking }: MaskDecoderConfig) {
    this.channels = width;
    this.heads = heads;
    this.inner = width / 2;
    this.head = this.inner / heads;
    this.side = grid;
    this.length = grid * grid;
    this.ranking = ranking ?? 0;
  }

  /** Rows of the image's panels, and of those that masks change. */
  get ownRows(): number {
    return this.maskedRows + 2 * MASK_RANKS;
  }

  get maskedRows(): number {
    return this.alwaysRow() + ALWAYS;
  }

  /** Where rows begin in the image's panels. */
  ownRow(name: string): number {
    return this.inner * index(OWN, name);
  }

  /** Products with what is always told, by the pairs of layer and norm: 1 1, 1 2, 2 2. */
  alwaysRow(pair = 0): number {
    return this.inner * OWN.length + pair;
  }

  /** Products of the image with a mask's rows, by norms. */
  maskRow(norm: number): number {
    return this.maskedRows + norm * MASK_RANKS;
  }

  get places(): number {
    return this.inner * PLACES.length;
  }

  placeRow(name: string): number {
    return this.inner * index(PLACES, name);
  }

  /** Columns of what is seen of a position, and those of them that masks change. */
  get seenColumns(): number {
    return this.maskedColumns + this.ranking;
  }

  get maskedColumns(): number {
    return this.inner * SEEN.length;
  }

  /** Where columns begin; each eight of them lie together for all positions. */
  seenColumn(name: string): number {
    return name === "second_look" ? this.maskedColumns : this.inner * index(SEEN, name);
  }
}

function index(names: readonly string[], name: string): number {
  const at = names.indexOf(name);
  if (at < 0) throw new Error(`there are no rows ${name}`);
  return at;
}

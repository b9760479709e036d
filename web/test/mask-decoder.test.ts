import { describe, expect, it } from "vitest";
import { ModelError } from "../src/segmenter/errors";
import { Tensors } from "../src/segmenter/kernels/tensors";
import { type MaskDecoderConfig, Sizes } from "../src/segmenter/mask-decoder/config";
import { Tokens } from "../src/segmenter/mask-decoder/tokens";

const [CHANNELS, INPUT_PX, OUTPUTS] = [4, 8, 5];
const filled = (rows: number, first: number) =>
  Array.from({ length: rows * CHANNELS }, (_, i) => first + Math.floor(i / CHANNELS));

// Of two waves: the first goes by x alone, the second by y.
const KNOWN = {
  gaussian: [1, 0, 0, 1],
  outputs: filled(OUTPUTS, 10),
  points: filled(4, 100),
  not_a_point: filled(1, 50),
};

/** A safetensors file of numbers. */
function file(tensors: Readonly<Record<string, readonly number[]>>): Tensors {
  const header: Record<string, unknown> = {};
  const all: number[] = [];
  for (const [name, numbers] of Object.entries(tensors)) {
    const from = 4 * all.length;
    all.push(...numbers);
    const data_offsets = [from, 4 * all.length];
    header[name] = { dtype: "F32", shape: [numbers.length], data_offsets };
  }
  const said = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + said.length + 4 * all.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(said.length), true);
  bytes.set(said, 8);
  bytes.set(new Uint8Array(Float32Array.from(all).buffer), 8 + said.length);
  return Tensors.read(bytes);
}

describe("a prompt's tokens", () => {
  const tokens = new Tokens(file(KNOWN), CHANNELS, INPUT_PX);
  /** Rows after those of outputs. */
  const of = (coords: number[], labels: number[]) => {
    const all = Array.from(tokens.of(Float32Array.from(coords), Float32Array.from(labels)));
    expect(all.slice(0, OUTPUTS * CHANNELS)).toEqual(KNOWN.outputs);
    const rest = all.slice(OUTPUTS * CHANNELS);
    return Array.from({ length: rest.length / CHANNELS }, (_, i) =>
      rest.slice(i * CHANNELS, (i + 1) * CHANNELS),
    );
  };
  const near = (found: readonly number[], expected: readonly number[]) => {
    expect(found).toHaveLength(expected.length);
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 4);
  };
  const nothing = new Array<number>(CHANNELS).fill(50);

  it("are sines and cosines of the middle of a pixel, and what it means", () => {
    // Of 8 pixels, 4.5's middle is a quarter of a turn on, 1.5's is half a turn back.
    const [click] = of([4.5, 1.5], [1]);
    near(click, [101 + 1, 101 + 0, 101 + 0, 101 - 1]);
  });

  it("have one that is no point after clicks", () => {
    const found = of([1, 2, 3, 4], [1, 0]);
    expect(found).toHaveLength(3);
    expect(found[2]).toEqual(nothing);
  });

  it("have none where a box closes the prompt", () => {
    expect(of([0, 0, 4, 4], [2, 3])).toHaveLength(2);
    const found = of([4.5, 1.5, 1.5, 1.5, 5.5, 5.5], [0, 2, 3]);
    near(found.flat(), [
      ...[100 + 1, 100 + 0, 100 + 0, 100 - 1],
      ...[102 + 0, 102 + 0, 102 - 1, 102 - 1], // half a turn back
      ...[103 + 0, 103 + 0, 103 - 1, 103 - 1], // and on
    ]);
  });

  it("leave padding out, wherever it stands", () => {
    expect(of([0, 0], [-1])).toEqual([]);
    const [click, last, ...more] = of([0, 0, 4.5, 1.5], [-1, 1]);
    near(click, [102, 101, 101, 100]);
    expect(last).toEqual(nothing);
    expect(more).toEqual([]);
  });

  it("know where a grid's positions are", () => {
    const side = 2; // positions at ¼ and ¾: half a turn back, and half a turn on
    near(Array.from(tokens.grid(side)), [
      ...[0, 0, 0, 0], // sines of x
      ...[0, 0, 0, 0], // of y
      ...[-1, -1, -1, -1], // cosines
      ...[-1, -1, -1, -1],
    ]);
    const found = tokens.grid(4); // at ⅛, ⅜ …: ¾ of a turn back, then half a turn more each
    near(Array.from(found.subarray(0, 8)), [1, -1, 1, -1, 1, -1, 1, -1]);
    near(Array.from(found.subarray(16, 24)), [1, 1, 1, 1, -1, -1, -1, -1]);
  });

  it("need what a file must have", () => {
    const { points: _, ...rest } = KNOWN;
    expect(() => new Tokens(file(rest), CHANNELS, INPUT_PX)).toThrow(ModelError);
  });
});

describe("a mask decoder's sizes", () => {
  const config: MaskDecoderConfig = {
    width: 64,
    heads: 4,
    mlp_hidden: 128,
    grid: 8,
    input_px: 128,
    ranking: 24,
    norm_eps: 1e-5,
    upscale_eps: 1e-6,
    mask_eps: 1e-6,
  };
  const sizes = new Sizes(config);
  const inner = 32;
  const parts = (first: (name: string) => number, names: readonly string[], count: number) =>
    names.map((name) => [first(name), count] as const);
  /** Parts [first, count] are all there is of a number, one after the other. */
  const cover = (all: readonly (readonly [number, number])[], end: number) => {
    let at = 0;
    for (const [first, count] of all.toSorted(([a], [b]) => a - b)) {
      expect(first).toBe(at);
      at += count;
    }
    expect(at).toBe(end);
  };

  it("follow from what a file says", () => {
    expect([sizes.inner, sizes.head, sizes.length]).toEqual([inner, 8, 64]);
    expect(new Sizes({ ...config, ranking: null }).seenColumns).toBe(3 * inner);
  });

  it("give each of the image's rows a place of its own", () => {
    const own = [
      ...["keys_1", "queries_1", "told_1_1", "keys_2", "queries_2", "told_1_2", "told_2_2"],
      "keys_last",
    ];
    const always = [0, 1, 2].map((pair) => [sizes.alwaysRow(pair), 1] as const);
    const spare = [sizes.alwaysRow(3), 1] as const;
    const masked = [...parts((name) => sizes.ownRow(name), own, inner), ...always, spare];
    cover(masked, sizes.maskedRows);
    const masks = [0, 1].map((norm) => [sizes.maskRow(norm), 20] as const);
    cover([...masked, ...masks], sizes.ownRows);
  });

  it("give positions' rows and columns places of their own", () => {
    const places = ["keys_1", "queries_1", "keys_2", "queries_2", "keys_last"];
    cover(
      parts((name) => sizes.placeRow(name), places, inner),
      sizes.places,
    );
    const values = ["values_1", "values_2", "values_last"];
    const masked = parts((name) => sizes.seenColumn(name), values, inner);
    cover(masked, sizes.maskedColumns);
    cover([...masked, [sizes.seenColumn("second_look"), 24]], sizes.seenColumns);
  });

  it("have no rows of other names", () => {
    expect(() => sizes.ownRow("keys_3")).toThrow("keys_3");
    expect(() => sizes.placeRow("told_1_1")).toThrow("told_1_1");
  });
});

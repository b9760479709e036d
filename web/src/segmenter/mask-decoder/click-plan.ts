// A prompt as steps over one memory: tokens and the image's few rows inform each other, then come
// IoUs and logits (anymask/models/few_rows/; what each step does: kernels/*-steps.ts).

import { BYTES, Rooms } from "../kernels/rooms";
import type { Step } from "../kernels/thread";
import type { Weights } from "../kernels/weights";
import { COLUMNS, MASKS, type MaskDecoderConfig, OUTPUTS, PART, type Sizes } from "./config";
import type { Image } from "./image-plan";

const [NOTHING, RELU, GELU] = [0, 1, 2]; // that follows a product
const ROW_BYTES = COLUMNS * BYTES; // of a panel
const SPARE = 4; // rows of scores
const PANELS = PART / COLUMNS;

/** The sum of rows that has been told so far, as the next look reads it. */
interface Told {
  readonly rows: number;
  /** Rows, numbers in each, and what is told in any case. */
  readonly count: number;
  readonly width: number;
  readonly always: number;
  readonly deviations: number;
}

export interface ClickPlan {
  readonly steps: readonly Step[];
  /** Tokens (T, C) of outputs and prompt, before; IoUs (4) and logits (4, 4·side, 4·side), after. */
  readonly prompt: number;
  readonly iou: number;
  readonly logits: number;
  readonly end: number;
  readonly scratchBytes: number;
}

/** tokens: T, of outputs and a prompt; isLone: masks are looked at twice. */
export function clickPlan(
  config: MaskDecoderConfig,
  sizes: Sizes,
  weights: Weights,
  places: number,
  image: Image,
  tokens: number,
  isLone: boolean,
  start: number,
): ClickPlan {
  const rooms = new Rooms(start);
  const planner = new Planner(config, sizes, weights, places, image, tokens, rooms);
  return planner.plan(isLone);
}

class Planner {
  private readonly steps: Step[] = [];
  private readonly rows: number; // K
  private readonly ranks: number; // of steps: both layers' and deviations

  private readonly prompt: number;
  private readonly tokens: number;
  private readonly wide: number;
  private readonly middle: number;
  private readonly answer: number;
  private readonly narrow: number;
  private readonly values: readonly number[];
  private readonly strips: number;
  private readonly valueStrips: readonly number[];
  private readonly pulled: number;
  private readonly always: number;
  private readonly among: readonly number[];
  private readonly found: number;
  private readonly told: number;
  private readonly sums: number;
  private readonly deviations: readonly number[];
  private readonly ours: Rooms;

  constructor(
    private readonly config: MaskDecoderConfig,
    private readonly sizes: Sizes,
    private readonly weights: Weights,
    private readonly places: number,
    private readonly image: Image,
    private readonly count: number,
    rooms: Rooms,
  ) {
    const { channels, heads, inner, head, length } = sizes;
    const t = fours(count);
    const k = (this.rows = heads * count);
    this.ranks = 2 * k + 1;
    this.ours = rooms;
    const room = (size: number) => rooms.room(size);
    this.prompt = room(t * channels);
    this.tokens = room(t * channels);
    this.wide = room(t * Math.max(2 * channels, config.mlp_hidden));
    this.middle = room(t * channels);
    this.answer = room(t * channels);
    this.narrow = room(t * inner);
    this.values = [room(t * inner), room(t * inner)];
    this.strips = room(t * inner);
    this.valueStrips = [room(t * inner), room(t * inner)];
    this.pulled = room(fours(k) * 2 * k);
    this.always = room(k);
    this.among = [room(fours(k) * 2 * k), room(fours(k) * k)];
    this.found = room((length / PART) * k * (head + 2));
    this.told = room(length * this.ranks);
    this.sums = room(length);
    this.deviations = [room(length), room(length)];
  }

  plan(isLone: boolean): ClickPlan {
    const first = this.layer(1, null);
    const second = this.layer(2, first);
    this.look("last", second);
    this.settle("last.norm", this.tokens, OUTPUTS);
    const { iou, hyper } = this.headsOf();
    const logits = this.upscale(second, hyper);
    if (isLone) this.lookTwice(iou, logits);
    const { steps, prompt, ours } = this;
    return { steps, prompt, iou, logits, end: ours.end, scratchBytes: BYTES * this.scratch() };
  }

  /** A layer of the two-way transformer, given what the one before told. */
  private layer(number: 1 | 2, before: Told | null): Told {
    const { channels, heads } = this.sizes;
    const { count: m, wide, middle, answer, tokens } = this;
    const [from, plus] = before ? [tokens, this.prompt] : [this.prompt, 0];
    this.linear(`${number}.self_qk`, from, plus, m, channels, 2 * channels, NOTHING, wide);
    this.linear(`${number}.self_v`, from, 0, m, channels, channels, NOTHING, answer);
    this.steps.push(["converse", wide, answer, m, channels, heads, middle]);
    this.linear(`${number}.self_out`, middle, 0, m, channels, channels, NOTHING, answer);
    this.settle(`${number}.norm1`, before ? tokens : 0, m);
    this.look(number, before);
    this.settle(`${number}.norm2`, tokens, m);
    const hidden = this.config.mlp_hidden;
    this.linear(`${number}.mlp1`, tokens, 0, m, channels, hidden, RELU, wide);
    this.linear(`${number}.mlp2`, wide, 0, m, hidden, channels, NOTHING, answer);
    this.settle(`${number}.norm3`, tokens, m);
    return this.tell(number, before);
  }

  /** What tokens see of the image, in `answer`. */
  private look(layer: 1 | 2 | "last", told: Told | null): void {
    const { sizes, narrow, strips, found } = this;
    const { channels, heads, inner, head, length, ownRows } = sizes;
    const t = layer === "last" ? OUTPUTS : this.count;
    const shape = [t, heads, head] as const;
    this.linear(`${layer}.look`, this.tokens, this.prompt, t, channels, inner, NOTHING, narrow);
    this.steps.push(["packHeads", narrow, ...shape, strips]);
    if (told) this.pull(narrow, t, told, 0, this.pulled);
    const own = this.own(`keys_${layer}`);
    const values = this.image.seen + sizes.seenColumn(`values_${layer}`) * length * BYTES; // eights together
    const place = this.place(`keys_${layer}`);
    const numbers = [length, ...shape, strips, own, ownRows, place, sizes.places, values];
    const shown = inner * BYTES; // after the keys
    const more = told
      ? [this.pulled, told.count, this.told, this.ranks, told.deviations, told.rows + shown]
      : [0, 0, 0, 0, 0, 0];
    this.steps.push(["see", ...numbers, ...more, told?.width ?? 0, found]);
    const always = told ? told.always + shown : 0;
    this.steps.push(["gather", found, length / PART, ...shape, always, narrow]);
    this.linear(`${layer}.shown`, narrow, 0, t, inner, channels, NOTHING, this.answer);
  }

  /** What a layer's tokens tell the image. */
  private tell(layer: 1 | 2, before: Told | null): Told {
    const { sizes, narrow, tokens, count: t, rows: k } = this;
    const { channels, heads, inner, head, length, ownRows } = sizes;
    const shape = [t, heads, head] as const;
    const values = this.values[layer - 1];
    this.linear(`${layer}.asked`, tokens, this.prompt, t, channels, inner, NOTHING, narrow);
    this.linear(`${layer}.values`, tokens, 0, t, channels, inner, NOTHING, values);
    this.steps.push(["packHeads", narrow, ...shape, this.strips]);
    this.steps.push(["packHeads", values, ...shape, this.valueStrips[layer - 1]]);
    const queries = 2 * inner; // after keys and values
    if (before) {
      this.pull(narrow, t, before, queries, this.pulled);
      const inAnyCase = { ...before, rows: before.always, count: 1 };
      this.pull(narrow, t, inAnyCase, queries, this.always);
    }
    const asked = [this.own(`queries_${layer}`), ownRows, this.place(`queries_${layer}`)];
    const [pulled, always] = before ? [this.pulled, this.always] : [0, 0];
    const numbers = [length, ...shape, this.strips, ...asked, sizes.places, pulled, always];
    const first = (layer - 1) * k;
    const deviations = before?.deviations ?? 0;
    this.steps.push(["tell", ...numbers, this.told, this.ranks, first, deviations]);
    this.measure(layer, deviations);
    return this.read(layer);
  }

  /** Deviations of the image after a layer. before: after the layer before, 0 for none. */
  private measure(norm: 1 | 2, before: number): void {
    const { sizes, rows: k } = this;
    const { heads, head, length, channels, ownRows } = sizes;
    const shape = [this.count, heads, head] as const;
    for (let layer = 1; layer <= norm; layer++) {
      const among = this.among[layer - 1];
      const columns = (norm - layer + 1) * k;
      const values = this.values[layer - 1];
      for (let other = layer; other <= norm; other++) {
        const form = this.weights.at(`squares.${norm}.${layer}.${other}`);
        const factor = other > layer ? 2 : 1; // each pair of two layers is met once
        const at = [form, factor, (other - layer) * k, columns, among];
        this.steps.push(["among", values, this.values[other - 1], ...shape, ...at]);
      }
      const first = (layer - 1) * k;
      const own = [this.own(`told_${layer}_${norm}`), ownRows];
      const steps = [this.told, this.ranks, first, +(layer > 1), this.sums];
      const strips = this.valueStrips[layer - 1];
      this.steps.push(["measure", length, ...shape, strips, ...own, among, columns, ...steps]);
    }
    const squares = this.image.squares + (norm - 1) * length * BYTES;
    const always = this.image.own + sizes.alwaysRow(norm - 1) * ROW_BYTES;
    const kept = norm === 2 ? this.told : 0; // the upscaling takes them for steps
    const numbers = [length, channels, this.config.norm_eps, squares, this.sums, always, ownRows];
    const to = this.deviations[norm - 1];
    this.steps.push(["deviate", ...numbers, before, kept, this.ranks, 2 * k, to]);
  }

  /** All rows so far as what comes next reads them. */
  private read(layer: 1 | 2): Told {
    const { heads, head, inner, channels } = this.sizes;
    const { rows: k, count } = this;
    const width = layer === 1 ? 3 * inner : 2 * inner + channels;
    const rows = this.ours.room(layer * k * width);
    for (let of = 1; of <= layer; of++) {
      const by = this.weights.layer(`reads.${layer}.${of}`);
      const to = rows + (of - 1) * k * width * BYTES;
      this.steps.push(["tellRows", this.values[of - 1], count, heads, head, ...by, width, to]);
    }
    const always = this.weights.at(`always.${layer}`);
    const deviations = this.deviations[layer - 1];
    return { rows, count: layer * k, width, always, deviations };
  }

  /** IoUs, and what masks ask of each pixel, packed. */
  private headsOf(): { iou: number; hyper: number } {
    const { channels } = this.sizes;
    const last = channels / 8;
    const one = this.ours.room(OUTPUTS * channels);
    const two = this.ours.room(OUTPUTS * channels);
    const three = this.ours.room(OUTPUTS * last);
    const hyper = this.ours.room(MASKS * last);
    const each = (name: string, from: number, n: number, follows: number, to: number) =>
      this.steps.push([
        "each",
        from,
        OUTPUTS,
        channels,
        ...this.weights.layer(name),
        n,
        follows,
        to,
      ]);
    each("heads.1", this.tokens, channels, RELU, one);
    each("heads.2", one, channels, RELU, two);
    each("heads.3", two, last, NOTHING, three);
    this.steps.push(["packMasks", three + last * BYTES, last, hyper]);
    return { iou: three, hyper };
  }

  private upscale(told: Told, hyper: number): number {
    const { channels, inner, length, side } = this.sizes;
    const { ranks, weights, steps } = this;
    const rows = this.ours.room(channels * ranks);
    const logits = this.ours.room(MASKS * 16 * length);
    const at = [told.width, 2 * inner, channels, ranks] as const;
    steps.push(["packRows", told.rows, told.count, ...at, rows]);
    steps.push(["packRows", told.always, 1, ...at, rows + told.count * ROW_BYTES]);
    const by = [...weights.norm("upscale"), ...weights.layer("upscale"), hyper];
    const sum = [this.image.upscaled, this.told, ranks, rows, told.deviations];
    steps.push(["upscale", side, channels / 4, this.config.upscale_eps, ...sum, ...by, logits]);
    return logits;
  }

  /** Correct the IoUs of a lone click's masks (anymask/models/mask_ranking.py). */
  private lookTwice(iou: number, logits: number): void {
    const { channels, length, side, ranking: n } = this.sizes;
    const { weights, steps, tokens } = this;
    const parts = length / PART;
    const [click, token] = [this.ours.room(4 * n), this.ours.room(4 * n)];
    const covered = this.ours.room(parts * MASKS * (n + COLUMNS));
    const [both, last] = [this.ours.room(4 * 2 * n), this.ours.room(4 * n)];
    const three = tokens + 2 * channels * BYTES; // of the masks for ambiguous prompts
    this.linear("rank.click", tokens, 0, 1, channels, n, NOTHING, click);
    this.linear("rank.token", three, 0, 3, channels, n, NOTHING, token);
    const seen = this.image.seen + this.sizes.seenColumn("second_look") * length * BYTES;
    steps.push(["cover", logits, side, seen, n, covered]);
    const by = [weights.at("rank.iou.weight"), token, click, weights.at("rank.which")];
    steps.push(["compare", covered, parts, n, iou, ...by, both]);
    this.linear("rank.among", both, 0, 3, 2 * n, n, GELU, last);
    steps.push(["correct", last, n, ...weights.layer("rank.correction"), iou]);
  }

  private linear(
    name: string,
    from: number,
    plus: number,
    m: number,
    k: number,
    n: number,
    follows: number,
    to: number,
  ): void {
    this.steps.push(["linear", from, plus, m, k, ...this.weights.layer(name), n, follows, to]);
  }

  /** Normalise `answer` and what it is added to (0: nothing): the tokens. */
  private settle(norm: string, to: number, m: number): void {
    const { channels } = this.sizes;
    const by = [this.config.norm_eps, ...this.weights.norm(norm)];
    this.steps.push(["settle", this.answer, to, m, channels, ...by, this.tokens]);
  }

  /** What tokens ask of what was told, whose numbers for that begin at a column. */
  private pull(asked: number, t: number, told: Told, column: number, to: number): void {
    const { heads, head } = this.sizes;
    const rows = [told.rows, told.width, column, told.count];
    this.steps.push(["pull", asked, t, heads, head, ...rows, to]);
  }

  private own(name: string): number {
    return this.image.own + this.sizes.ownRow(name) * ROW_BYTES;
  }

  private place(name: string): number {
    return this.places + this.sizes.placeRow(name) * ROW_BYTES;
  }

  /** Numbers that a step of these needs, at most. */
  private scratch(): number {
    const { channels, inner, ranking } = this.sizes;
    const t = fours(this.count);
    const k = this.rows + SPARE;
    const linear = 2 * t * Math.max(channels, this.config.mlp_hidden, 2 * ranking);
    const see = (PANELS + 2) * k * COLUMNS + PART * (2 * this.rows + 2 * COLUMNS) + SPARE * 2 * k;
    const upscale = (16 + 6) * channels;
    return Math.max(linear, see, 3 * k * COLUMNS, upscale, inner + 4, 16 * PART) + 1024;
  }
}

/** Up to a multiple of four. */
function fours(count: number): number {
  return (count + 3) & ~3;
}

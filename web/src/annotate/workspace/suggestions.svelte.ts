// Masks that are suggested in the open image, until they are accepted or not: what the engine put
// there, and what everything-mode found just now.

import type { Client } from "../api";
import type { Effort, Suggestion } from "../api/types";
import type { OpenImage, PlacedMask } from "../document";
import { decodeRle, isAlike, type Region } from "../../regions";
import type { BoxXyxy } from "../../segmenter";

export interface Suggested {
  readonly id: string;
  readonly region: Region;
  readonly predictedIou: number;
}

const COPY_IOU = 0.9; // two of at least this are one object's

interface Accepting {
  /** All without them. */
  readonly ids?: ReadonlySet<string> | undefined;
  readonly labelId: number | null;
  readonly effort: Effort;
}

export class Suggestions {
  private stored = $state.raw<readonly PlacedMask<Region>[]>([]);
  private found = $state.raw<readonly Suggested[]>([]);
  private masks = $state.raw<readonly PlacedMask<Region>[]>([]);
  private readonly all: readonly Suggested[] = $derived([
    ...this.stored.map(ofEngine),
    ...this.found,
  ]);
  /** Without near copies of masks that are there, and of surer suggestions. */
  readonly shown: readonly Suggested[] = $derived(this.unlike(this.all));
  /** How many near copies are not shown. */
  readonly leftOut: number = $derived(this.all.length - this.shown.length);
  /** Pairs that were compared: each costs once. */
  private readonly compared = new WeakMap<Region, WeakMap<Region, boolean>>();

  /** The one to decide on: the surest of the engine's, then of what was found. */
  readonly first: ReadonlySet<string> = $derived(
    new Set(this.shown.slice(0, 1).map((one) => one.id)),
  );

  private asking = new AbortController();

  constructor(private readonly client: Pick<Client, "everything">) {}

  /** Whether somebody asked for suggestions just now, and has not answered all of them. */
  get wasAsked(): boolean {
    return this.shown.some((one) => this.found.includes(one));
  }

  /** What the engine suggests in the image, and the masks that it has now. */
  take(stored: readonly PlacedMask<Region>[], masks: readonly PlacedMask<Region>[]): void {
    [this.stored, this.masks] = [stored, masks];
  }

  /**
   * Have a model look for everything in an image, or in a box of it. Near copies of masks are not
   * shown.
   * @returns false if the image was left meanwhile. Throws ApiError.
   */
  async ask(
    image: OpenImage<Region>,
    box: BoxXyxy | null,
    model: string | null,
    isOpen: () => boolean,
  ): Promise<boolean> {
    this.asking.abort();
    const { signal } = (this.asking = new AbortController());
    const answer = await this.client.everything(image.id, box, model, signal);
    if (!isOpen()) return false;
    this.found = answer.map(justFound);
    return true;
  }

  /** Make them, or some, masks of the image. */
  accept(image: OpenImage<Region>, { ids, labelId, effort }: Accepting): void {
    const { stored, found } = this.taken(ids);
    if (stored.length) image.acceptSuggested(stored, labelId, { effort });
    if (!found.length) return;
    const masks = found.map(({ region, predictedIou }) => ({
      region,
      predictedIou,
      source: "everything",
      labelId,
    }));
    image.addAll(masks, stored.length ? {} : { effort });
    this.drop(found);
  }

  /** Take them, or some with their near copies, away; what the engine suggested comes back by an undo alone. */
  reject(image: OpenImage<Region>, effort: Effort, ids?: ReadonlySet<string>): void {
    const { stored, found } = this.taken(ids ? this.withCopies(ids) : idsOf(this.all));
    if (stored.length) image.rejectSuggested(stored, { effort });
    this.drop(found);
  }

  /** Forget what was found just now, and what is asked. */
  clear(): void {
    this.asking.abort();
    this.found = [];
  }

  /** What is no near copy of a mask, nor of one before it. */
  private unlike(suggested: readonly Suggested[]): Suggested[] {
    const known = this.masks.map(({ region }) => region);
    const kept: Suggested[] = [];
    for (const one of suggested) {
      if (known.some((region) => this.isCopy(one.region, region))) continue;
      kept.push(one);
      known.push(one.region);
    }
    return kept;
  }

  /** With those that were not shown for the sake of these, which would come up now. */
  private withCopies(ids: ReadonlySet<string>): ReadonlySet<string> {
    const named = this.all.filter(({ id }) => ids.has(id));
    const isCopy = (one: Suggested) => named.some(({ region }) => this.isCopy(one.region, region));
    return idsOf(this.all.filter((one) => ids.has(one.id) || isCopy(one)));
  }

  private isCopy(a: Region, b: Region): boolean {
    let row = this.compared.get(a);
    if (!row) this.compared.set(a, (row = new WeakMap()));
    let is = row.get(b);
    if (is === undefined) row.set(b, (is = isAlike(a, b, COPY_IOU)));
    return is;
  }

  /** Those of the ids; without them, all that are shown. */
  private taken(ids: ReadonlySet<string> = idsOf(this.shown)) {
    const isTaken = ({ id }: { readonly id: string }) => ids.has(id);
    return {
      stored: this.stored.filter(isTaken).map(({ id }) => id),
      found: this.found.filter(isTaken),
    };
  }

  private drop(found: readonly Suggested[]): void {
    this.found = this.found.filter((one) => !found.includes(one));
  }
}

function idsOf(suggested: readonly Suggested[]): ReadonlySet<string> {
  return new Set(suggested.map(({ id }) => id));
}

function ofEngine({ id, region, version }: PlacedMask<Region>): Suggested {
  return { id, region, predictedIou: version.predicted_iou ?? 0 };
}

function justFound({ segmentation, predicted_iou }: Suggestion, number: number): Suggested {
  return {
    id: `suggested ${number}`,
    region: decodeRle(segmentation),
    predictedIou: predicted_iou,
  };
}

// Masks that are suggested in the open image, until they are accepted or not: what the engine put
// there, and what everything-mode found just now, or what words named.

import type { Client } from "../api";
import type { Effort, Label, NamedSuggestion, Suggestion, WordsFound } from "../api/types";
import type { OpenImage, PlacedMask } from "../document";
import { decodeRle, isAlike, type Region } from "../../regions";
import type { BoxXyxy } from "../../segmenter";

export interface Suggested {
  readonly id: string;
  readonly region: Region;
  readonly predictedIou: number;
  /** The name of its own label; null for the next mask's. */
  readonly label: string | null;
}

/** What was asked for just now. */
interface Found extends Suggested {
  readonly source: string;
  /** null for a label that is not there yet, and for the next mask's. */
  readonly labelId: number | null;
}

const COPY_IOU = 0.9; // two of at least this are one object's

interface Accepting {
  /** All without them. */
  readonly ids?: ReadonlySet<string> | undefined;
  /** Of those that bring no label. */
  readonly labelId: number | null;
  readonly labels: readonly Label[];
  readonly effort: Effort;
}

export class Suggestions {
  private stored = $state.raw<readonly PlacedMask<Region>[]>([]);
  private found = $state.raw<readonly Found[]>([]);
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

  constructor(private readonly client: Pick<Client, "everything" | "words">) {}

  /** Whether somebody asked for suggestions just now, and has not answered all of them. */
  get wasAsked(): boolean {
    return this.found.some((one) => this.shown.includes(one));
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
    const answer = await this.client.everything(image.id, box, model, this.anew());
    if (!isOpen()) return false;
    this.found = answer.map((one, number) => justFound(one, number, "everything"));
    return true;
  }

  /**
   * Have a model look for what words name in an image. Near copies of masks are not shown.
   * @returns null if it is no longer wanted. Throws ApiError.
   */
  async askWords(
    image: OpenImage<Region>,
    text: string,
    model: string | null,
    isWanted: () => boolean,
  ): Promise<WordsFound | null> {
    const answer = await this.client.words(image.id, text, model, this.anew());
    if (!isWanted()) return null;
    this.found = answer.masks.map(named);
    return answer;
  }

  /** The labels of all, or of some, that are not there yet. */
  newLabels(ids?: ReadonlySet<string>): string[] {
    const { found } = this.taken(ids);
    return found.flatMap(({ label, labelId }) => (label === null || labelId !== null ? [] : label));
  }

  /** Make them, or some, masks of the image. */
  accept(image: OpenImage<Region>, { ids, labelId, labels, effort }: Accepting): void {
    const { stored, found } = this.taken(ids);
    if (stored.length) image.acceptSuggested(stored, labelId, { effort });
    if (!found.length) return;
    const idOf = (name: string) => labels.find((label) => label.name === name)?.id ?? null;
    const masks = found.map(({ region, predictedIou, source, label, labelId: own }) => ({
      region,
      predictedIou,
      source,
      labelId: own ?? (label === null ? null : idOf(label)) ?? labelId,
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

  /** Ask no more what is asked by now. */
  private anew(): AbortSignal {
    this.asking.abort();
    this.asking = new AbortController();
    return this.asking.signal;
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

  private drop(found: readonly Found[]): void {
    this.found = this.found.filter((one) => !found.includes(one));
  }
}

function idsOf(suggested: readonly Suggested[]): ReadonlySet<string> {
  return new Set(suggested.map(({ id }) => id));
}

function ofEngine({ id, region, version }: PlacedMask<Region>): Suggested {
  return { id, region, predictedIou: version.predicted_iou ?? 0, label: null };
}

function justFound(
  { segmentation, predicted_iou }: Suggestion,
  number: number,
  source: string,
): Found {
  return {
    id: `suggested ${number}`,
    region: decodeRle(segmentation),
    predictedIou: predicted_iou,
    source,
    label: null,
    labelId: null,
  };
}

function named(one: NamedSuggestion, number: number): Found {
  return { ...justFound(one, number, "words"), label: one.label, labelId: one.label_id };
}

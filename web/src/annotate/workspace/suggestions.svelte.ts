// Masks that are suggested in the open image, until they are accepted or not: what the engine put
// there, and what everything-mode found just now.

import type { Client } from "../api";
import type { Effort, Suggestion } from "../api/types";
import type { OpenImage, PlacedMask } from "../document";
import { decodeRle, type Region } from "../../regions";
import type { BoxXyxy } from "../../segmenter";

export interface Suggested {
  readonly id: string;
  readonly region: Region;
  readonly predictedIou: number;
}

interface Accepting {
  /** All without them. */
  readonly ids?: ReadonlySet<string> | undefined;
  readonly labelId: number | null;
  readonly effort: Effort;
}

export class Suggestions {
  private stored = $state.raw<readonly PlacedMask<Region>[]>([]);
  private found = $state.raw<readonly Suggested[]>([]);
  readonly shown: readonly Suggested[] = $derived([...this.stored.map(ofEngine), ...this.found]);

  /** The one to decide on: the surest of the engine's, then of what was found. */
  readonly first: ReadonlySet<string> = $derived(
    new Set(this.shown.slice(0, 1).map((one) => one.id)),
  );

  constructor(private readonly client: Pick<Client, "everything">) {}

  /** Whether somebody asked for suggestions just now. */
  get wasAsked(): boolean {
    return this.found.length > 0;
  }

  /** What the engine suggests in the image, as it is now. */
  take(stored: readonly PlacedMask<Region>[]): void {
    this.stored = stored;
  }

  /**
   * Have a model look for everything in an image, or in a box of it, that is not among its masks.
   * @returns false if the image was left meanwhile. Throws ApiError.
   */
  async ask(
    image: OpenImage<Region>,
    box: BoxXyxy | null,
    model: string | null,
    isOpen: () => boolean,
  ): Promise<boolean> {
    const answer = await this.client.everything(image.id, box, model);
    if (!isOpen()) return false;
    const { masks, suggested } = image.value;
    const known = [...masks, ...suggested];
    this.found = answer
      .map(justFound)
      .filter(({ region }) => !known.some((mask) => mask.region.equals(region)));
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

  /** Take them, or some, away; what the engine suggested comes back by an undo alone. */
  reject(image: OpenImage<Region>, effort: Effort, ids?: ReadonlySet<string>): void {
    const { stored, found } = this.taken(ids);
    if (stored.length) image.rejectSuggested(stored, { effort });
    this.drop(found);
  }

  /** Forget what was found just now. */
  clear(): void {
    this.found = [];
  }

  private taken(ids: ReadonlySet<string> | undefined) {
    const isTaken = ({ id }: { readonly id: string }) => !ids || ids.has(id);
    return {
      stored: this.stored.filter(isTaken).map(({ id }) => id),
      found: this.found.filter(isTaken),
    };
  }

  private drop(found: readonly Suggested[]): void {
    this.found = this.found.filter((one) => !found.includes(one));
  }
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

// What everything-mode found in the open image, until it is accepted or dropped.

import type { Client } from "../api";
import type { Effort, Suggestion } from "../api/types";
import type { OpenImage } from "../document";
import { decodeRle, type Region } from "../../regions";
import type { BoxXyxy } from "../../segmenter";

export interface Suggested {
  readonly id: string;
  readonly region: Region;
  readonly predictedIou: number;
}

export class Suggestions {
  shown = $state.raw<readonly Suggested[]>([]);

  constructor(private readonly client: Pick<Client, "everything">) {}

  /**
   * Look for everything in an image, or in a box of it, that is not among its masks.
   * @returns false if the image was left meanwhile. Throws ApiError.
   */
  async ask(
    image: OpenImage<Region>,
    box: BoxXyxy | null,
    isOpen: () => boolean,
  ): Promise<boolean> {
    const suggestions = await this.client.everything(image.id, box);
    if (!isOpen()) return false;
    const { masks } = image.value;
    this.shown = suggestions
      .map(suggestedOf)
      .filter(({ region }) => !masks.some((mask) => mask.region.equals(region)));
    return true;
  }

  /** Make them, or some, masks of the image. */
  accept(
    image: OpenImage<Region>,
    {
      ids,
      labelId,
      effort,
    }: { ids?: ReadonlySet<string> | undefined; labelId: number | null; effort: Effort },
  ): void {
    const taken = this.shown.filter(({ id }) => !ids || ids.has(id));
    if (!taken.length) return;
    const masks = taken.map(({ region, predictedIou }) => ({
      region,
      predictedIou,
      source: "everything",
      labelId,
    }));
    image.addAll(masks, { effort });
    this.shown = this.shown.filter((one) => !taken.includes(one));
  }

  clear(): void {
    this.shown = [];
  }
}

function suggestedOf({ segmentation, predicted_iou }: Suggestion, number: number): Suggested {
  return {
    id: `suggested ${number}`,
    region: decodeRle(segmentation),
    predictedIou: predicted_iou,
  };
}

// The mask that a click under the pointer would give.

import { fromMask, type Place, type Region } from "../../regions";
import type { Model } from "./model";

export class Preview {
  region = $state.raw<Region | null>(null);

  constructor(private readonly model: Model) {}

  clear(): void {
    this.region = null;
  }

  /** Ask about a place of an image; the answer counts if it is still wanted when it comes. */
  async ask(imageId: number, [x, y]: Place, isWanted: () => boolean): Promise<void> {
    const [segmenter, embedding] = await Promise.all([this.model.ready, this.model.open(imageId)]);
    const answer = await segmenter
      .predict(embedding, { points: [{ x, y }] }, { latestOf: "hover", multimaskOutput: true })
      .catch(() => null); // another place is asked about
    if (answer && isWanted()) this.region = fromMask(answer.masks[0]);
  }
}

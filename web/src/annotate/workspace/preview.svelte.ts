// The mask that a click under the pointer would give.

import { fromMask, type Place, type Region } from "../../regions";
import type { Drafting } from "./drafting";

export class Preview {
  region = $state.raw<Region | null>(null);

  clear(): void {
    this.region = null;
  }

  /** Ask about a place; the answer counts if it is still wanted when it comes. */
  async ask(drafting: Drafting, place: Place, isWanted: () => boolean): Promise<void> {
    const masks = await drafting.glanceAt(...place);
    if (masks && isWanted()) this.region = fromMask(masks[0]);
  }
}

// Which mask is meant by a place.

import type { Place } from "../../regions";
import type { DrawnMask } from "./drawn-mask";

/**
 * The masks that have the pixel of a place, the smallest first: of things in things, the inner ones
 * can be pointed at nowhere else. Hidden ones are not there.
 */
export function masksUnder(masks: readonly DrawnMask[], [x, y]: Place): DrawnMask[] {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  return masks
    .filter(({ region, hidden }) => !hidden && region.has(column, row))
    .sort((a, b) => a.region.area - b.region.area);
}

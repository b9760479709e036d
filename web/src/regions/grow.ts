// Regions wider or narrower by some pixels.

import type { BoxXyxy } from "../segmenter";
import { subtract } from "./combine";
import { Grid } from "./grid";
import type { Region } from "./region";
import { eachRun, type Runs, runsAround, runsOf } from "./runs";

/** With all pixels whose middles are at most this far from the middle of one in the region. */
export function extend(region: Region, byPx: number): Region {
  if (region.isEmpty || !(byPx >= 1)) return region;
  const reach = Math.floor(byPx);
  const [left, top, right, bottom] = region.box;
  const box = [left - reach, top - reach, right + reach, bottom + reach] as const;
  return spread(region, runsOf(region), byPx, box);
}

/**
 * Without the pixels that are at most this far from one outside. Beyond the edge of the image the
 * object is taken to go on: what is cut off there stays so.
 */
export function shrink(region: Region, byPx: number): Region {
  if (region.isEmpty || !(byPx >= 1)) return region;
  return subtract(region, spread(region, runsAround(region), byPx, region.box));
}

/** Runs made wider by a disc, within a box. */
function spread(region: Region, runs: Runs, byPx: number, box: BoxXyxy): Region {
  const grid = new Grid(region, box);
  const reach = Math.floor(byPx);
  const wide = Array.from({ length: reach + 1 }, (_, dy) =>
    Math.floor(Math.sqrt(byPx ** 2 - dy ** 2)),
  );
  eachRun(runs, (_, y, start, stop) => {
    for (let dy = -reach; dy <= reach; dy++) {
      const more = wide[Math.abs(dy)];
      grid.fill(y + dy, start - more, stop + more);
    }
  });
  return grid.region();
}

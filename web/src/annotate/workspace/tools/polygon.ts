// The outline of the mask in work, place by place.

import {
  fillRings,
  type Place,
  polygonsOf,
  type Region,
  type Ring,
  ringsIn,
  simplify,
} from "../../../regions";
import type { Button, Spot } from "../../view";
import { type Bench, removes, type Tool, within } from "./tool";

const REACH_PX = 8; // of the screen: what is nearer is meant
const TOLERANCE_PX = 2; // of the screen, by which a ring may leave the mask's edge
const FEWEST = 3;

interface Held {
  readonly ring: number;
  readonly place: number;
}

export class PolygonTool implements Tool {
  readonly hint =
    "Drag a corner; click an edge for a new one; right click takes a corner away. Starts from a selected mask.";
  readonly cursor = "default";
  private of: Region | null = null; // whose rings they are
  private rings: Ring[] = [];
  private held: Held | null = null;
  private pulled = false;

  press(bench: Bench, spot: Spot, button: Button): "stroke" | "drag" {
    this.follow(bench);
    this.held = this.near(bench, spot.image);
    this.pulled = false;
    if (this.held || removes(spot, button))
      return this.held && !removes(spot, button) ? "stroke" : "drag";
    this.held = this.onEdge(bench, spot.image);
    this.pulled = this.held !== null; // a new corner is a change by itself
    return this.held ? "stroke" : "drag";
  }

  drag(bench: Bench, spots: readonly Spot[]): void {
    if (!this.held) return;
    this.pulled = true;
    this.put(this.held, within(spots.at(-1)!.image, bench.size));
    bench.redraw();
  }

  drop(bench: Bench): void {
    if (this.held && this.pulled) this.finish(bench);
    this.held = null;
    bench.redraw();
  }

  click(bench: Bench, spot: Spot, button: Button): void {
    const near = this.near(bench, spot.image);
    if (!near || !removes(spot, button) || this.rings[near.ring].length <= FEWEST) return;
    this.rings[near.ring] = this.rings[near.ring].filter((_, i) => i !== near.place);
    this.finish(bench);
  }

  hover(bench: Bench, spot: Spot | null): void {
    this.follow(bench);
    this.held = spot && this.near(bench, spot.image);
    bench.redraw();
  }

  cancel(bench: Bench): void {
    this.of = this.held = null;
    bench.redraw();
  }

  scene(bench: Bench) {
    this.follow(bench);
    return { edited: { rings: this.rings, held: this.held } };
  }

  /** Have the rings of the mask in work; without one, of the selected mask. */
  private follow(bench: Bench): void {
    if (this.pulled && this.held) return;
    const region = bench.drafting.state.value.region;
    if (region === this.of) return;
    this.of = region;
    const tolerance = TOLERANCE_PX / bench.scale;
    this.rings = region ? ringsIn(polygonsOf(region)).map((ring) => simplify(ring, tolerance)) : [];
  }

  private finish(bench: Bench): void {
    const region = fillRings(bench.size, this.rings);
    this.of = region;
    bench.clock.record({ kind: "polygon" });
    bench.drafting.edit(region, "polygon");
    this.of = bench.drafting.state.value.region; // the same, and its rings stay as they are
  }

  private put({ ring, place }: Held, at: Place): void {
    this.rings[ring] = this.rings[ring].map((old, i) => (i === place ? at : old));
  }

  private near(bench: Bench, [x, y]: Place): Held | null {
    let best: Held | null = null;
    let least = REACH_PX / bench.scale;
    this.rings.forEach((places, ring) =>
      places.forEach(([px, py], place) => {
        const distance = Math.hypot(px - x, py - y);
        if (distance <= least) [best, least] = [{ ring, place }, distance];
      }),
    );
    return best;
  }

  /** A new corner on the edge that is near. */
  private onEdge(bench: Bench, at: Place): Held | null {
    const reach = REACH_PX / bench.scale;
    for (const [ring, places] of this.rings.entries()) {
      const place = places.findIndex((from, i) => {
        const to = places[(i + 1) % places.length];
        return distanceTo(at, from, to) <= reach;
      });
      if (place < 0) continue;
      this.rings[ring] = [...places.slice(0, place + 1), at, ...places.slice(place + 1)];
      return { ring, place: place + 1 };
    }
    return null;
  }
}

/** Of a place to a line between two. */
function distanceTo([x, y]: Place, [x0, y0]: Place, [x1, y1]: Place): number {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1);
  const t = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}

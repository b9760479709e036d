// What a hand draws itself: brush, eraser, lasso, and a cut.

import {
  brushStroke,
  type BrushPoint,
  cut,
  fillLasso,
  type Place,
  Region,
  subtract,
  union,
} from "../../../regions";
import type { Button, Spot } from "../../view";
import { type Bench, removes, type Tool } from "./tool";

/** The mask in work, or none yet. */
function inWork(bench: Bench): Region {
  return bench.drafting.state.value.region ?? Region.empty(bench.size);
}

export class BrushTool implements Tool {
  readonly cursor = "none"; // its own circle shows it
  readonly hint: string;
  private points: BrushPoint[] = [];
  private at: Place | null = null;
  private takesAway: boolean;
  private shown: Region | null = null;
  private fresh = 0; // of the points, the first that is not shown

  constructor(private readonly erases: boolean) {
    this.takesAway = erases;
    this.hint = erases
      ? "Rub out what does not belong to the mask. [ and ] change the size."
      : "Paint what belongs to the mask. Right button rubs out. [ and ] change the size.";
  }

  press(bench: Bench, spot: Spot, button: Button): "stroke" {
    this.takesAway = this.erases !== removes(spot, button);
    this.points = [];
    this.fresh = 0;
    this.shown = inWork(bench);
    this.drag(bench, [spot]);
    return "stroke";
  }

  drag(bench: Bench, spots: readonly Spot[]): void {
    for (const spot of spots) {
      const [x, y] = (this.at = spot.image);
      this.points.push({ x, y, diameter: diameterOf(bench, spot) });
    }
    // Only what is new is painted: the cost of a stroke does not grow with its length.
    const stroke = this.stroke(bench, Math.max(this.fresh - 1, 0));
    this.fresh = this.points.length;
    this.shown = this.applied(this.shown ?? inWork(bench), stroke);
    bench.redraw();
  }

  drop(bench: Bench): void {
    if (!this.points.length) return;
    const region = this.shown ?? inWork(bench);
    const points = this.points.map(({ x, y }) => [x, y] as const);
    const diameter = bench.settings.brushDiameter;
    this.shown = null;
    this.points = [];
    bench.clock.record({ kind: "stroke", add: !this.takesAway, points, diameter });
    bench.drafting.edit(region, "brush");
  }

  hover(bench: Bench, spot: Spot | null): void {
    this.at = spot?.image ?? null;
    bench.redraw();
  }

  cancel(bench: Bench): void {
    this.shown = null;
    this.points = [];
    bench.redraw();
  }

  scene(bench: Bench) {
    const diameter = bench.settings.brushDiameter;
    const brush = this.at && { at: this.at, diameter, erases: this.erases };
    return this.shown ? { mask: this.shown, brush } : { brush };
  }

  private stroke(bench: Bench, from: number): Region {
    return brushStroke(bench.size, this.points.slice(from), bench.settings.brushDiameter);
  }

  private applied(region: Region, stroke: Region): Region {
    return this.takesAway ? subtract(region, stroke) : union(region, stroke);
  }
}

function diameterOf(bench: Bench, { device, pressure }: Spot): number {
  const { brushDiameter, isBrushByPressure } = bench.settings;
  return device === "pen" && isBrushByPressure ? brushDiameter * 2 * pressure : brushDiameter;
}

/** A line that a hand draws. */
abstract class LineTool implements Tool {
  readonly cursor = "crosshair";
  abstract readonly hint: string;
  protected abstract readonly closed: boolean;
  protected takesAway = false;
  private places: Place[] = [];

  press(_bench: Bench, spot: Spot, button: Button): "stroke" {
    this.takesAway = removes(spot, button);
    this.places = [spot.image];
    return "stroke";
  }

  drag(bench: Bench, spots: readonly Spot[]): void {
    this.places.push(...spots.map(({ image }) => image));
    bench.redraw();
  }

  drop(bench: Bench): void {
    const { places } = this;
    this.places = [];
    bench.redraw();
    if (places.length > 1) this.drawn(bench, places);
  }

  cancel(bench: Bench): void {
    this.places = [];
    bench.redraw();
  }

  scene() {
    return { line: this.places.length ? { places: this.places, closed: this.closed } : null };
  }

  protected abstract drawn(bench: Bench, places: readonly Place[]): void;
}

export class LassoTool extends LineTool {
  readonly hint = "Draw round what belongs to the mask. With the right button: what does not.";
  protected readonly closed = true;

  protected drawn(bench: Bench, places: readonly Place[]): void {
    const area = fillLasso(bench.size, places);
    const add = !this.takesAway;
    bench.clock.record({ kind: "lasso", add, points: [...places] });
    const region = inWork(bench);
    bench.drafting.edit(add ? union(region, area) : subtract(region, area), "lasso");
  }
}

/** Cuts the selected masks, or those that the line crosses. */
export class KnifeTool extends LineTool {
  readonly hint = "Draw a line across a mask: it becomes two.";
  protected readonly closed = false;

  protected drawn(bench: Bench, places: readonly Place[]): void {
    const crossed = new Set(places.flatMap((place) => bench.masksAt(place)));
    const line = places.map(([x, y]) => ({ x, y }));
    for (const id of bench.selected.size ? bench.selected : crossed) {
      const mask = bench.image.mask(id);
      const parts = mask ? cut(mask.region, line) : [];
      if (parts.length < 2) continue;
      bench.clock.record({ kind: "stroke", add: false, points: [...places] });
      bench.image.split(id, parts, "cut", { effort: bench.clock.take() });
    }
  }
}

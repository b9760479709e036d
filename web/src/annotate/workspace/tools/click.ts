// Clicks and boxes: questions to the model.

import type { Place } from "../../../regions";
import type { BoxXyxy } from "../../../segmenter";
import type { Button, Spot } from "../../view";
import { type Bench, isInside, removes, type Tool, within } from "./tool";

const LEAST_PX = 2; // of the image: a box of less is a slip

/** A rectangle that a drag opens. */
class Rubber {
  box: BoxXyxy | null = null;
  private from: Place | null = null;

  start(bench: Bench, spot: Spot): void {
    this.from = within(spot.image, bench.size);
  }

  pull(bench: Bench, spot: Spot): void {
    if (!this.from) return;
    const [x, y] = within(spot.image, bench.size);
    const [x0, y0] = this.from;
    this.box = [Math.min(x0, x), Math.min(y0, y), Math.max(x0, x), Math.max(y0, y)];
    bench.redraw();
  }

  /** The box, if it is one. */
  end(bench: Bench): BoxXyxy | null {
    const { box } = this;
    this.box = this.from = null;
    bench.redraw();
    return box && box[2] - box[0] >= LEAST_PX && box[3] - box[1] >= LEAST_PX ? box : null;
  }
}

export class ClickTool implements Tool {
  readonly hint: string =
    "Click the object that stands out most, or drag a box round it. Right click takes away.";
  readonly cursor = "crosshair";
  private readonly rubber = new Rubber();

  press(bench: Bench, spot: Spot): "drag" {
    bench.preview(null);
    this.rubber.start(bench, spot);
    return "drag";
  }

  click(bench: Bench, spot: Spot, button: Button): void {
    this.rubber.end(bench);
    if (!isInside(spot.image, bench.size)) return;
    bench.drafting.click(...spot.image, removes(spot, button) ? 0 : 1);
  }

  drag(bench: Bench, spots: readonly Spot[]): void {
    this.rubber.pull(bench, spots.at(-1)!);
  }

  drop(bench: Bench): void {
    const box = this.rubber.end(bench);
    if (box) bench.drafting.box(box);
  }

  hover(bench: Bench, spot: Spot | null): void {
    const isSeen = spot && isInside(spot.image, bench.size) && bench.drafting.isEmpty;
    bench.preview(isSeen ? spot.image : null);
  }

  cancel(bench: Bench): void {
    this.rubber.end(bench);
  }

  scene() {
    return { box: this.rubber.box };
  }
}

export class BoxTool extends ClickTool {
  override readonly hint = "Drag a box round the object. Clicks correct the mask.";
  override hover(): void {}
}

/** Everything within a box, or in all of the image. */
export class EverythingTool implements Tool {
  readonly hint: string =
    "Drag a box: all that is found in it is suggested. A click looks at the whole image.";
  readonly cursor = "crosshair";
  private readonly rubber = new Rubber();

  press(bench: Bench, spot: Spot): "drag" {
    this.rubber.start(bench, spot);
    return "drag";
  }

  click(bench: Bench): void {
    this.rubber.end(bench);
    bench.suggest([0, 0, bench.size.width, bench.size.height]);
  }

  drag(bench: Bench, spots: readonly Spot[]): void {
    this.rubber.pull(bench, spots.at(-1)!);
  }

  drop(bench: Bench): void {
    const box = this.rubber.end(bench);
    if (box) bench.suggest(box);
  }

  cancel(bench: Bench): void {
    this.rubber.end(bench);
  }

  scene() {
    return { box: this.rubber.box };
  }
}

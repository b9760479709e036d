// Points, boxes, brushes and lines, as large on the screen at every zoom.

import type { Place } from "../../regions";
import type { BoxXyxy, Point } from "../../segmenter";
import type { Camera } from "./camera";
import type { Brush, EditedRings, Scene } from "./scene";

const MARKS = [
  { colour: "#d7263d", upright: false }, // not this
  { colour: "#14804a", upright: true },
] as const;
const MARK_PX = 8; // of the screen, as all here
const HANDLE_PX = 4;
const CROSS_PX = 16;
const LEAST_BRUSH_PX = 4;
const FOUND_BRUSH_PX = 9; // a circle of less is easily lost
const CASING_PX = 1.5; // a light line has dark beside it, and the other way round
const ACCENT = "#ffd60a";

/** Draws on a canvas of the screen's pixels, of which the screen's CSS pixels have `ratio`. */
export class SceneDrawing {
  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly camera: Camera,
    ratio: number,
  ) {
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.lineCap = context.lineJoin = "round";
  }

  draw(scene: Scene): void {
    if (scene.box) this.box(scene.box);
    if (scene.line) this.line(scene.line.places, scene.line.closed);
    if (scene.edited) this.edited(scene.edited);
    for (const point of scene.points ?? []) this.point(point);
    if (scene.brush) this.brush(scene.brush);
    if (scene.cross) this.cross(scene.cross);
  }

  private box([x0, y0, x1, y1]: BoxXyxy): void {
    const path = new Path2D();
    const [left, top] = this.camera.toScreen([x0, y0]);
    const [right, bottom] = this.camera.toScreen([x1, y1]);
    path.rect(left, top, right - left, bottom - top);
    this.stroke(path, ACCENT);
  }

  private line(places: readonly Place[], closed: boolean): void {
    const path = new Path2D();
    this.trace(path, places);
    if (closed) {
      this.context.fillStyle = "rgb(255 214 10 / 15%)";
      this.context.fill(path); // a fill closes the path, the line stays open
    }
    this.stroke(path, ACCENT);
  }

  private edited({ rings, held }: EditedRings): void {
    const path = new Path2D();
    for (const ring of rings) {
      this.trace(path, ring);
      path.closePath();
    }
    this.stroke(path, ACCENT);
    rings.forEach((ring, i) => {
      ring.forEach((place, j) => this.handle(place, held?.ring === i && held.place === j));
    });
  }

  private handle(place: Place, held: boolean): void {
    const { context } = this;
    const [x, y] = this.camera.toScreen(place);
    const side = held ? 1.5 * HANDLE_PX : HANDLE_PX;
    context.fillStyle = held ? ACCENT : "white";
    context.strokeStyle = "black";
    context.lineWidth = 1;
    context.beginPath();
    context.rect(x - side, y - side, 2 * side, 2 * side);
    context.fill();
    context.stroke();
  }

  /** A plus where the object is, a minus where it is not. */
  private point({ x, y, label = 1 }: Point): void {
    const { context } = this;
    const { colour, upright } = MARKS[label];
    const [atX, atY] = this.camera.toScreen([x, y]);
    context.beginPath();
    context.arc(atX, atY, MARK_PX, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
    context.strokeStyle = "white";
    context.lineWidth = 2;
    context.stroke();
    const arm = 0.5 * MARK_PX;
    context.beginPath();
    context.moveTo(atX - arm, atY);
    context.lineTo(atX + arm, atY);
    if (upright) {
      context.moveTo(atX, atY - arm);
      context.lineTo(atX, atY + arm);
    }
    context.stroke();
  }

  /**
   * Solid where it paints, in dashes where it erases. One that is too small to be found has a
   * ring round it, which says nothing of its size.
   */
  private brush({ at, diameter, erases }: Brush): void {
    const [x, y] = this.camera.toScreen(at);
    const radius = (diameter / 2) * this.camera.scale;
    const path = new Path2D();
    path.arc(x, y, Math.max(radius, LEAST_BRUSH_PX / 2), 0, 2 * Math.PI);
    if (erases) this.context.setLineDash([5, 5]);
    this.stroke(path, "white", 1.5);
    this.context.setLineDash([]);
    if (radius >= FOUND_BRUSH_PX / 2) return;
    const ring = new Path2D();
    ring.arc(x, y, FOUND_BRUSH_PX, 0, 2 * Math.PI);
    this.stroke(ring, "rgb(255 255 255 / 70%)", 1);
  }

  private cross(place: Place): void {
    const [x, y] = this.camera.toScreen(place);
    const path = new Path2D();
    path.moveTo(x - CROSS_PX, y);
    path.lineTo(x + CROSS_PX, y);
    path.moveTo(x, y - CROSS_PX);
    path.lineTo(x, y + CROSS_PX);
    this.stroke(path, "white");
  }

  private trace(path: Path2D, places: readonly Place[]): void {
    places.forEach((place, i) => {
      const [x, y] = this.camera.toScreen(place);
      if (i) path.lineTo(x, y);
      else path.moveTo(x, y);
    });
  }

  /** In colour on black, to be seen on any picture. */
  private stroke(path: Path2D, colour: string, widthPx = 2): void {
    const { context } = this;
    context.strokeStyle = "rgb(0 0 0 / 70%)";
    context.lineWidth = widthPx + 2 * CASING_PX;
    context.stroke(path);
    context.strokeStyle = colour;
    context.lineWidth = widthPx;
    context.stroke(path);
  }
}

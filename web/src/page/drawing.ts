// What is drawn over the picture: the chosen mask, the clicks, the box, the cross of the keyboard.

import type { BoxXyxy, Mask, Point } from "../segmenter";
import { borders } from "./outline";

const FILL_RGBA = Uint8Array.of(30, 144, 255, 110);
const LINE = "#1e90ff";
const MARKS = [
  { colour: "#d7263d", upright: false }, // not this
  { colour: "#14804a", upright: true },
] as const;
const MARK_PX = 8; // of the screen, as all below

export interface Scene {
  readonly mask: Mask | null;
  readonly points: readonly Point[];
  readonly box: BoxXyxy | null;
  /** Where the keyboard would click. */
  readonly cross: readonly [x: number, y: number] | null;
}

/** Draw on a canvas of the screen's pixels; scale: how many of them a pixel of the image has. */
export function draw(canvas: HTMLCanvasElement, scene: Scene, scale: number): void {
  const context = canvas.getContext("2d")!;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const px = (globalThis.devicePixelRatio || 1) / scale; // one of the screen's, in the image's
  if (scene.mask?.area) drawMask(context, scene.mask, px);
  if (scene.box) {
    const [x0, y0, x1, y1] = scene.box;
    const path = new Path2D();
    path.rect(x0, y0, x1 - x0, y1 - y0);
    strokeTwice(context, path, "#ffd60a", px);
  }
  for (const point of scene.points) drawPoint(context, point, px);
  if (scene.cross) drawCross(context, scene.cross, px);
}

interface Painted {
  readonly fill: OffscreenCanvas;
  readonly border: Path2D;
}

const painted = new WeakMap<Mask, Painted>();

function drawMask(context: CanvasRenderingContext2D, mask: Mask, px: number): void {
  if (!painted.has(mask)) painted.set(mask, { fill: fillOf(mask), border: borderOf(mask) });
  const { fill, border } = painted.get(mask)!;
  context.imageSmoothingEnabled = false;
  context.drawImage(fill, mask.box[0], mask.box[1]);
  strokeTwice(context, border, LINE, px);
}

function fillOf({ pixels, width, box }: Mask): OffscreenCanvas {
  const [left, top, right, bottom] = box;
  const canvas = new OffscreenCanvas(right - left, bottom - top);
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(right - left, bottom - top);
  const colours = new Uint32Array(image.data.buffer);
  const [colour] = new Uint32Array(FILL_RGBA.buffer);
  for (let y = top, i = 0; y < bottom; y++) {
    for (let x = left; x < right; x++, i++) if (pixels[y * width + x]) colours[i] = colour;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function borderOf(mask: Mask): Path2D {
  const path = new Path2D();
  const pieces = borders(mask);
  for (let i = 0; i < pieces.length; i += 4) {
    path.moveTo(pieces[i], pieces[i + 1]);
    path.lineTo(pieces[i + 2], pieces[i + 3]);
  }
  return path;
}

/** In colour on white, to be seen on any picture. */
function strokeTwice(
  context: CanvasRenderingContext2D,
  path: Path2D,
  colour: string,
  px: number,
): void {
  context.lineCap = "round";
  context.strokeStyle = "white";
  context.lineWidth = 4 * px;
  context.stroke(path);
  context.strokeStyle = colour;
  context.lineWidth = 2 * px;
  context.stroke(path);
}

/** A plus where the object is, a minus where it is not. */
function drawPoint(context: CanvasRenderingContext2D, { x, y, label = 1 }: Point, px: number) {
  const { colour, upright } = MARKS[label];
  context.beginPath();
  context.arc(x, y, MARK_PX * px, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.strokeStyle = "white";
  context.lineWidth = 2 * px;
  context.stroke();
  const arm = 0.5 * MARK_PX * px;
  context.beginPath();
  context.moveTo(x - arm, y);
  context.lineTo(x + arm, y);
  if (upright) {
    context.moveTo(x, y - arm);
    context.lineTo(x, y + arm);
  }
  context.stroke();
}

function drawCross(
  context: CanvasRenderingContext2D,
  [x, y]: readonly [number, number],
  px: number,
): void {
  const path = new Path2D();
  const arm = 2 * MARK_PX * px;
  path.moveTo(x - arm, y);
  path.lineTo(x + arm, y);
  path.moveTo(x, y - arm);
  path.lineTo(x, y + arm);
  strokeTwice(context, path, "black", px);
}

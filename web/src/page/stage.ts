// The picture on the page, and what a hand does to it: click, drag, arrow keys.

import type { BoxXyxy, Mask, Point } from "../segmenter";
import { draw } from "./drawing";
import type { Question } from "./question";

const CLICK_PX = 4; // of the screen; what moves less is no drag
const STEPS = 40; // of an arrow key from one side to the other; with shift, one pixel
const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export interface StageEvents {
  onPoint(point: Point): void;
  onBox(box: BoxXyxy): void;
}

type Place = readonly [x: number, y: number];

export class Stage {
  /** A plain click means what does not belong to the object. */
  removes = false;
  private question: Question = { points: [], box: null };
  private mask: Mask | null = null;
  private cross: Place | null = null;
  private pressed: { event: PointerEvent; from: Place } | null = null;

  /** picture: of the image's pixels; overlay: of the screen's, over it. */
  constructor(
    readonly picture: HTMLCanvasElement,
    private readonly overlay: HTMLCanvasElement,
    private readonly events: StageEvents,
  ) {
    new ResizeObserver(() => this.fit()).observe(picture);
    overlay.onpointerdown = (event) => this.press(event);
    overlay.onpointermove = (event) => this.pressed && this.draw(this.dragged(event));
    overlay.onpointerup = (event) => this.release(event);
    overlay.onpointercancel = () => {
      this.pressed = null;
      this.draw();
    };
    overlay.oncontextmenu = (event) => event.preventDefault();
    overlay.onkeydown = (event) => this.key(event);
    overlay.onblur = () => {
      this.cross = null;
      this.draw();
    };
  }

  /** Put another picture there; transparency becomes white, as anymask reads it. */
  setPicture(bitmap: ImageBitmap): void {
    const { width, height } = bitmap;
    [this.picture.width, this.picture.height] = [width, height];
    const context = this.picture.getContext("2d", { willReadFrequently: true })!;
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    this.cross = null;
    this.fit();
  }

  show(question: Question, mask: Mask | null): void {
    [this.question, this.mask] = [question, mask];
    this.draw();
  }

  private fit(): void {
    const { clientWidth, clientHeight } = this.picture;
    const ratio = globalThis.devicePixelRatio || 1;
    this.overlay.width = Math.round(clientWidth * ratio);
    this.overlay.height = Math.round(clientHeight * ratio);
    this.draw();
  }

  private draw(box: BoxXyxy | null = null): void {
    const { points, box: asked } = this.question;
    const scene = { mask: this.mask, points, box: box ?? asked, cross: this.cross };
    draw(this.overlay, scene, this.overlay.width / this.picture.width);
  }

  private at({ offsetX, offsetY }: MouseEvent): Place {
    const inside = (at: number, side: number) => Math.min(Math.max(at / side, 0), 1);
    const { clientWidth, clientHeight } = this.overlay;
    const { width, height } = this.picture;
    return [inside(offsetX, clientWidth) * width, inside(offsetY, clientHeight) * height];
  }

  private press(event: PointerEvent): void {
    if (!event.isPrimary || event.button === 1) return; // a second finger zooms
    this.cross = null;
    this.pressed = { event, from: this.at(event) };
    this.overlay.setPointerCapture(event.pointerId);
  }

  private release(event: PointerEvent): void {
    if (!this.pressed) return;
    const { from, event: start } = this.pressed;
    const box = this.dragged(event);
    this.pressed = null;
    const other = start.button === 2 || start.shiftKey || start.altKey;
    if (box) this.events.onBox(box);
    else this.point(from, other);
  }

  private point([x, y]: Place, other: boolean): void {
    this.events.onPoint({ x, y, label: other !== this.removes ? 0 : 1 });
  }

  /** The box of a drag so far; null while it is a click, or a line. */
  private dragged(event: PointerEvent): BoxXyxy | null {
    const { event: start, from } = this.pressed!;
    const far = Math.hypot(event.x - start.x, event.y - start.y) > CLICK_PX;
    if (!far || start.button !== 0) return null;
    const to = this.at(event);
    const [x0, x1] = [from[0], to[0]].sort((a, b) => a - b);
    const [y0, y1] = [from[1], to[1]].sort((a, b) => a - b);
    return x1 - x0 >= 1 && y1 - y0 >= 1 ? [x0, y0, x1, y1] : null;
  }

  private key(event: KeyboardEvent): void {
    const { width, height } = this.picture;
    const arrow = ARROWS[event.key];
    if (arrow) {
      const [x, y] = this.cross ?? [width / 2, height / 2];
      const step = event.shiftKey ? 1 : Math.max(Math.max(width, height) / STEPS, 1);
      const inside = (at: number, side: number) => Math.min(Math.max(at, 0), side);
      this.cross = [inside(x + arrow[0] * step, width), inside(y + arrow[1] * step, height)];
      this.draw();
    } else if (event.key === "Enter" || event.key === " ") {
      this.cross ??= [width / 2, height / 2];
      this.point(this.cross, event.shiftKey || event.altKey);
    } else return;
    event.preventDefault(); // arrows and space scroll
  }
}

// The stage: an image, its masks and what is in work, each on a canvas of its own, so that a pointer
// that moves draws the last alone.

import type { ImageSize, Place } from "../../regions";
import { Camera } from "./camera";
import type { DrawnMask } from "./drawn-mask";
import { masksUnder } from "./hit-test";
import { MaskTiles } from "./mask-tiles";
import type { PictureSource } from "./picture-source";
import { PictureTiles } from "./picture-tiles";
import type { Scene } from "./scene";
import { SceneDrawing } from "./scene-drawing";

const LAYERS = ["picture", "masks", "scene"] as const;
type Layer = (typeof LAYERS)[number];

const OUTLINE_PX = 1.5; // of the screen
const STRONGER = 1.4; // how much more opaque than the others is what is selected
const ACTIVE = "#0a84ff";

export interface Look {
  /** 1 as in the file. */
  readonly brightness: number;
  readonly contrast: number;
  /** Of masks, 0 to 1. */
  readonly opacity: number;
  readonly outlineOnly: boolean;
  /** Masks are not drawn: the image is to be seen. */
  readonly bare: boolean;
}

export const PLAIN_LOOK: Look = {
  brightness: 1,
  contrast: 1,
  opacity: 0.4,
  outlineOnly: false,
  bare: false,
};

/** Before there is an image. */
const NOTHING: ImageSize = { width: 1, height: 1 };

export class Stage {
  /** Told of every other part of the image that is seen. */
  onCamera: ((camera: Camera) => void) | null = null;
  private readonly canvases: Readonly<Record<Layer, HTMLCanvasElement>>;
  private readonly observer: ResizeObserver;
  private readonly stale = new Set<Layer>(LAYERS);
  private frame = 0;
  private view: Camera = Camera.fit(NOTHING, NOTHING);
  private look: Look = PLAIN_LOOK;
  private picture: PictureTiles | null = null;
  private masks: readonly DrawnMask[] = [];
  private highlighted: ReadonlySet<string> = new Set();
  private scene: Scene = {};
  private settled = new MaskTiles(NOTHING);
  private spokenOf = new MaskTiles(NOTHING);
  private active = new MaskTiles(NOTHING);

  /** Fills the container, whose position must not be static. */
  constructor(readonly container: HTMLElement) {
    const made = LAYERS.map((layer) => [layer, canvasIn(container, layer)] as const);
    this.canvases = Object.fromEntries(made) as Record<Layer, HTMLCanvasElement>;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(container);
    this.resize();
  }

  close(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    this.picture?.close();
    for (const canvas of Object.values(this.canvases)) canvas.remove();
  }

  /** Another image, as large as it fits; its masks and what is in work are to be set anew. */
  setPicture(source: PictureSource): void {
    this.picture?.close();
    this.picture = new PictureTiles(source, () => this.redraw("picture"));
    [this.settled, this.spokenOf, this.active] = [0, 1, 2].map(() => new MaskTiles(source));
    [this.masks, this.scene, this.highlighted] = [[], {}, new Set()];
    this.applyLook();
    this.camera = Camera.fit(source, this.viewSize());
  }

  /** Nothing more is to be drawn until something changes. */
  get isWhole(): boolean {
    return !this.frame && !this.stale.size && !this.picture?.isLoading;
  }

  get camera(): Camera {
    return this.view;
  }

  set camera(camera: Camera) {
    this.view = camera;
    this.redraw(...LAYERS);
    this.onCamera?.(camera);
  }

  /** All masks, from the lowest to the one on top. */
  setMasks(masks: readonly DrawnMask[]): void {
    this.masks = masks;
    this.showMasks();
  }

  /** Put one in the place of its former self, or on top. */
  updateMask(mask: DrawnMask): void {
    const known = this.masks.some(({ id }) => id === mask.id);
    const changed = this.masks.map((other) => (other.id === mask.id ? mask : other));
    this.setMasks(known ? changed : [...this.masks, mask]);
  }

  removeMask(id: string): void {
    this.setMasks(this.masks.filter((mask) => mask.id !== id));
  }

  /** Which masks stand out: the selected, and the one under the pointer. */
  setHighlighted(ids: Iterable<string>): void {
    const highlighted = new Set(ids);
    const before = this.highlighted;
    if (before.size === highlighted.size && [...before].every((id) => highlighted.has(id))) return;
    this.highlighted = highlighted;
    this.showMasks();
  }

  /** What is in work: drawn alone, however many masks there are. */
  setActive(scene: Scene): void {
    this.scene = scene;
    const shown = [
      { id: "preview", region: scene.preview, suggested: true },
      { id: "mask", region: scene.mask, suggested: false },
    ];
    this.active.setMasks(
      shown.flatMap(({ region, ...as }) => (region ? [{ ...as, region, colour: ACTIVE }] : [])),
    );
    this.redraw("scene");
  }

  setLook(look: Look): void {
    this.look = look;
    this.applyLook();
    this.redraw("masks", "scene");
  }

  /** The place of the image under an event, in its pixels; may be beyond its edges. */
  pixelAt(event: MouseEvent): Place {
    const { left, top } = this.container.getBoundingClientRect();
    return this.view.toImage([event.clientX - left, event.clientY - top]);
  }

  /** The masks that have the pixel of a place, the smallest first. */
  masksAt(place: Place): DrawnMask[] {
    return masksUnder(this.masks, place);
  }

  private showMasks(): void {
    this.settled.setMasks(this.masks);
    this.spokenOf.setMasks(this.masks.filter(({ id }) => this.highlighted.has(id)));
    this.redraw("masks");
  }

  private applyLook(): void {
    const { brightness, contrast, opacity, outlineOnly } = this.look;
    const plain = brightness === 1 && contrast === 1; // a filter costs, even one that does nothing
    const filter = plain ? "none" : `brightness(${brightness}) contrast(${contrast})`;
    this.canvases.picture.style.filter = filter;
    const style = {
      opacity: outlineOnly ? 0 : opacity,
      outline: Math.round(OUTLINE_PX * this.ratio),
      rim: 0,
    };
    const strong = { ...style, opacity: Math.min(style.opacity * STRONGER, 1), rim: style.outline };
    this.settled.setStyle(style);
    this.spokenOf.setStyle(strong);
    this.active.setStyle(strong);
  }

  /** Of the canvases' pixels for one of the screen's. */
  private get ratio(): number {
    return globalThis.devicePixelRatio || 1;
  }

  private viewSize(): ImageSize {
    const { clientWidth, clientHeight } = this.container;
    return { width: Math.max(clientWidth, 1), height: Math.max(clientHeight, 1) };
  }

  private resize(): void {
    const { width, height } = this.viewSize();
    for (const canvas of Object.values(this.canvases)) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
    this.applyLook();
    this.camera = this.view.resized({ width, height });
  }

  private redraw(...layers: readonly Layer[]): void {
    for (const layer of layers) this.stale.add(layer);
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private draw(): void {
    const layers = [...this.stale];
    this.stale.clear();
    for (const layer of layers) {
      const { width, height } = this.canvases[layer];
      const context = this.canvases[layer].getContext("2d")!;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, width, height);
      if (!this.drawLayer(layer, context)) this.redraw(layer);
    }
  }

  /** False if there is more to come. */
  private drawLayer(layer: Layer, context: CanvasRenderingContext2D): boolean {
    const { ratio, view } = this;
    if (layer === "picture") {
      this.picture?.draw(context, view, ratio);
      return true;
    }
    if (layer === "masks") {
      if (this.look.bare) return true;
      const settled = this.settled.draw(context, view, ratio);
      return this.spokenOf.draw(context, view, ratio) && settled;
    }
    const active = this.active.draw(context, view, ratio);
    new SceneDrawing(context, view, ratio).draw(this.scene);
    return active;
  }
}

function canvasIn(container: HTMLElement, layer: Layer): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.dataset["layer"] = layer;
  canvas.ariaHidden = "true"; // what is on it is told elsewhere
  canvas.style.cssText = "position: absolute; inset: 0; width: 100%; height: 100%;";
  container.append(canvas);
  return canvas;
}

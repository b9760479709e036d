// What hands do with a mouse, a pen or fingers, as gestures; what they mean is for tools to decide.

import type { Place } from "../../regions";

const CLICK_PX = 4; // of the screen; what moves less is no drag
const TOUCH_CLICK_PX = 10; // fingers tremble
const HOLD_MS = 500; // a finger that rests so long means the other button
const LINE_PX = 16; // of a wheel that counts lines
const PINCH = 100; // the wheel's pixels for e times the size, where a touchpad pinches

export type Device = "mouse" | "pen" | "touch";
/** The pen's other end erases. */
export type Button = "primary" | "secondary" | "eraser";

/** Where a gesture is, and with what. */
export interface Spot {
  /** In pixels of the image; may be beyond its edges. */
  readonly image: Place;
  /** In CSS pixels of the view. */
  readonly screen: Place;
  readonly device: Device;
  /** 0 to 1; a mouse and most fingers press with 0.5. */
  readonly pressure: number;
  readonly alt: boolean;
  readonly shift: boolean;
  /** Control or, on a Mac, Command. */
  readonly control: boolean;
}

export interface GestureHandler {
  /** The pointer moves with no button pressed; null: it has left. */
  hover(spot: Spot | null): void;
  /**
   * A button goes down. "stroke": every move matters from here on, there will be no click. "drag":
   * little moves are none, and if there was no large one it ends as a click.
   */
  press(spot: Spot, button: Button): "stroke" | "drag";
  /** count: 2 for the second click of a double click. */
  click(spot: Spot, button: Button, count: number): void;
  /** The pointer moves while it is pressed: all places since the last time, in order. */
  drag(spots: readonly Spot[]): void;
  /** A drag or stroke ends here. */
  drop(spot: Spot): void;
  /** A press came to nothing: what it did is to be taken back. */
  cancel(): void;
  /** A wheel turns, by pixels; not where it means zoom by itself, as a pinch does. */
  wheel(spot: Spot, dx: number, dy: number): void;
  /** The image goes along, by CSS pixels. */
  pan(dx: number, dy: number): void;
  zoom(factor: number, about: Place): void;
}

interface Press {
  readonly id: number;
  readonly button: Button;
  readonly from: Spot;
  readonly count: number;
  readonly kind: "stroke" | "drag" | "pan";
  dragging: boolean;
  last: Place;
}

/** Reads the pointer events of an element. */
export class Gestures {
  /** A hand tool is chosen, or space held: a primary drag moves the image. */
  panning = false;
  private press: Press | null = null;
  private readonly fingers = new Map<number, Place>();
  private penSeen = false; // then fingers only move the image: the hand may rest on the screen
  private hold: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly element: HTMLElement,
    private readonly toImage: (screen: Place) => Place,
    private readonly handler: GestureHandler,
  ) {
    element.style.touchAction = "none"; // the browser's own pinch would zoom the page
    element.addEventListener("pointerdown", this.down);
    element.addEventListener("pointermove", this.move);
    element.addEventListener("pointerup", this.up);
    element.addEventListener("pointercancel", this.lost);
    element.addEventListener("pointerleave", this.leave);
    element.addEventListener("wheel", this.turn, { passive: false });
    element.addEventListener("contextmenu", preventDefault);
  }

  close(): void {
    const { element } = this;
    this.giveUp();
    element.removeEventListener("pointerdown", this.down);
    element.removeEventListener("pointermove", this.move);
    element.removeEventListener("pointerup", this.up);
    element.removeEventListener("pointercancel", this.lost);
    element.removeEventListener("pointerleave", this.leave);
    element.removeEventListener("wheel", this.turn);
    element.removeEventListener("contextmenu", preventDefault);
  }

  spotOf(event: MouseEvent): Spot {
    const { left, top } = this.element.getBoundingClientRect();
    const screen = [event.clientX - left, event.clientY - top] as const;
    const pointer: Partial<PointerEvent> = event;
    return {
      image: this.toImage(screen),
      screen,
      device: deviceOf(pointer.pointerType),
      pressure: pointer.pressure ?? 0.5,
      alt: event.altKey,
      shift: event.shiftKey,
      control: event.ctrlKey || event.metaKey,
    };
  }

  private readonly down = (event: PointerEvent): void => {
    const spot = this.spotOf(event);
    if (spot.device === "touch") {
      this.fingers.set(event.pointerId, spot.screen);
      if (this.fingers.size > 1) return this.giveUp();
    }
    if (this.press) return; // another button of the same hand
    this.penSeen ||= spot.device === "pen";
    const button = BUTTONS[event.button];
    const palm = spot.device === "touch" && this.penSeen;
    const pans = event.button === 1 || palm || (this.panning && button === "primary");
    if (!pans && !button) return;
    if (event.button === 1) event.preventDefault(); // the browser would scroll by itself
    this.element.setPointerCapture(event.pointerId);
    const kind = pans ? "pan" : this.handler.press(spot, button);
    const [id, last, count] = [event.pointerId, spot.screen, Math.max(event.detail, 1)];
    this.press = { id, button, from: spot, count, kind, dragging: kind !== "drag", last };
    if (kind === "drag" && spot.device === "touch") {
      this.hold = setTimeout(() => this.held(), HOLD_MS);
    }
  };

  private readonly move = (event: PointerEvent): void => {
    const spot = this.spotOf(event);
    if (this.fingers.has(event.pointerId) && this.fingers.size > 1) {
      return this.pinch(event.pointerId, spot.screen);
    }
    const { press } = this;
    if (!press) {
      if (spot.device !== "touch") this.handler.hover(spot);
      return;
    }
    if (press.id !== event.pointerId) return;
    const [fromX, fromY] = press.from.screen;
    const least = spot.device === "touch" ? TOUCH_CLICK_PX : CLICK_PX;
    const [x, y] = spot.screen;
    press.dragging ||= Math.hypot(x - fromX, y - fromY) > least;
    if (!press.dragging) return;
    clearTimeout(this.hold);
    if (press.kind === "pan") this.handler.pan(x - press.last[0], y - press.last[1]);
    else {
      const events = event.getCoalescedEvents();
      this.handler.drag(events.length ? events.map((each) => this.spotOf(each)) : [spot]);
    }
    press.last = spot.screen;
  };

  private readonly up = (event: PointerEvent): void => {
    this.fingers.delete(event.pointerId);
    const { press } = this;
    if (press?.id !== event.pointerId) return;
    clearTimeout(this.hold);
    this.press = null;
    const spot = this.spotOf(event);
    if (press.kind === "pan") return;
    if (press.dragging) this.handler.drop(spot);
    else this.handler.click(press.from, press.button, press.count);
  };

  private readonly lost = (event: PointerEvent): void => {
    this.fingers.delete(event.pointerId);
    if (this.press?.id === event.pointerId) this.giveUp();
  };

  private readonly leave = (event: PointerEvent): void => {
    if (!this.press && event.pointerType !== "touch") this.handler.hover(null);
  };

  private readonly turn = (event: WheelEvent): void => {
    event.preventDefault();
    const unit = [1, LINE_PX, this.element.clientHeight][event.deltaMode];
    const spot = this.spotOf(event);
    if (event.ctrlKey) this.handler.zoom(Math.exp((-event.deltaY * unit) / PINCH), spot.screen);
    else this.handler.wheel(spot, event.deltaX * unit, event.deltaY * unit);
  };

  /** Two fingers: the image goes along with their middle, and grows with their distance. */
  private pinch(id: number, to: Place): void {
    const before = [...this.fingers.values()].slice(0, 2);
    this.fingers.set(id, to);
    const after = [...this.fingers.values()].slice(0, 2);
    const [middle, next] = [middleOf(before), middleOf(after)];
    this.handler.pan(next[0] - middle[0], next[1] - middle[1]);
    const [apart, now] = [distance(before), distance(after)];
    if (apart > 0 && now > 0) this.handler.zoom(now / apart, next);
  }

  private held(): void {
    const { press } = this;
    this.press = null;
    if (press) this.handler.click(press.from, "secondary", 1);
  }

  private giveUp(): void {
    clearTimeout(this.hold);
    const { press } = this;
    this.press = null;
    if (press && press.kind !== "pan") this.handler.cancel();
  }
}

const BUTTONS: Readonly<Record<number, Button>> = { 0: "primary", 2: "secondary", 5: "eraser" };

function deviceOf(pointerType: string | undefined): Device {
  return pointerType === "pen" || pointerType === "touch" ? pointerType : "mouse";
}

function preventDefault(event: Event): void {
  event.preventDefault();
}

function middleOf([[x0, y0], [x1, y1]]: readonly Place[]): Place {
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

function distance([[x0, y0], [x1, y1]]: readonly Place[]): number {
  return Math.hypot(x1 - x0, y1 - y0);
}

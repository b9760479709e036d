// Which part of the image is seen, and how large: a value, and the way between its places.
//
// The image's places are in its pixels, the screen's in CSS pixels from the upper left corner of the
// view.

import type { BoxXyxy } from "../../segmenter";
import type { ImageSize, Place } from "../../regions";

const MOST_SCALE = 64; // of the screen's pixels for one of the image
const LEAST_OF_FIT = 0.25;
const MARGIN_PX = 16;
const AROUND_A_BOX = 1.5; // how much more than a box is shown of what is around it

export class Camera {
  /** Of the screen's pixels for one of the image. */
  readonly scale: number;
  /** The place of the image in the view's upper left corner. */
  readonly left: number;
  readonly top: number;

  /** Scale and centre are brought into their limits: the view's centre stays in the image. */
  private constructor(
    readonly image: ImageSize,
    readonly view: ImageSize,
    scale: number,
    centre: Place,
  ) {
    const least = Math.min(fitting(image, view), 1) * LEAST_OF_FIT;
    this.scale = clamp(scale, least, MOST_SCALE);
    this.left = clamp(centre[0], 0, image.width) - view.width / 2 / this.scale;
    this.top = clamp(centre[1], 0, image.height) - view.height / 2 / this.scale;
  }

  /** All of the image, with a margin. */
  static fit(image: ImageSize, view: ImageSize): Camera {
    return new Camera(image, view, fitting(image, view), [image.width / 2, image.height / 2]);
  }

  get centre(): Place {
    return this.toImage([this.view.width / 2, this.view.height / 2]);
  }

  get isFit(): boolean {
    const fit = Camera.fit(this.image, this.view);
    const near = (a: number, b: number) => Math.abs(a - b) * this.scale < 0.5;
    return near(fit.left, this.left) && near(fit.top, this.top) && near(fit.scale, this.scale);
  }

  toImage([x, y]: Place): Place {
    return [this.left + x / this.scale, this.top + y / this.scale];
  }

  toScreen([x, y]: Place): Place {
    return [(x - this.left) * this.scale, (y - this.top) * this.scale];
  }

  /** The part of the image that is seen; it may reach over the image's edges. */
  get seen(): BoxXyxy {
    const { left, top, scale, view } = this;
    return [left, top, left + view.width / scale, top + view.height / scale];
  }

  /** The image moved by so many of the screen's pixels. */
  panned(dx: number, dy: number): Camera {
    const [x, y] = this.centre;
    return this.at(this.scale, [x - dx / this.scale, y - dy / this.scale]);
  }

  /** Larger by a factor, about a place of the screen, under which the image stays. */
  zoomed(factor: number, about: Place): Camera {
    return this.scaled(this.scale * factor, about);
  }

  /** As large as this, about a place of the screen or else its centre. */
  scaled(scale: number, about: Place = [this.view.width / 2, this.view.height / 2]): Camera {
    const [x, y] = this.toImage(about);
    const reached = this.at(scale, this.centre).scale; // within its limits
    const [width, height] = [this.view.width / 2, this.view.height / 2];
    return this.at(reached, [x + (width - about[0]) / reached, y + (height - about[1]) / reached]);
  }

  /** With a box, and some of what is around it, as large as it can be. */
  showing([left, top, right, bottom]: BoxXyxy): Camera {
    const { view } = this;
    const [width, height] = [Math.max(right - left, 1), Math.max(bottom - top, 1)];
    const scale = Math.min(view.width / width, view.height / height) / AROUND_A_BOX;
    return this.at(scale, [(left + right) / 2, (top + bottom) / 2]);
  }

  /** In a view of another size: the same centre, or still all of the image. */
  resized(view: ImageSize): Camera {
    if (this.isFit) return Camera.fit(this.image, view);
    return new Camera(this.image, view, this.scale, this.centre);
  }

  private at(scale: number, centre: Place): Camera {
    return new Camera(this.image, this.view, scale, centre);
  }
}

function fitting(image: ImageSize, view: ImageSize): number {
  const room = (px: number) => Math.max(px - 2 * MARGIN_PX, 1);
  const scale = Math.min(room(view.width) / image.width, room(view.height) / image.height);
  return Math.min(scale, MOST_SCALE);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

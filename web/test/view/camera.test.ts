import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Camera } from "../../src/annotate/view";

const IMAGE = { width: 4000, height: 3000 };
const VIEW = { width: 1000, height: 800 };

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const onScreen = fc.tuple(number(0, 1000), number(0, 800));
/** Cameras somewhere on an image. */
const cameras = fc
  .tuple(number(0.1, 64), number(-500, 4500), number(-500, 3500))
  .map(([scale, x, y]) => Camera.fit(IMAGE, VIEW).showing([x, y, x, y]).scaled(scale));

describe("a camera", () => {
  it("shows all of the image at first", () => {
    const camera = Camera.fit(IMAGE, VIEW);
    const [left, top, right, bottom] = camera.seen;
    expect(left <= 0 && top <= 0 && right >= 4000 && bottom >= 3000).toBe(true);
    expect(camera.isFit).toBe(true);
    const [x, y] = camera.toScreen([2000, 1500]);
    expect([Math.round(x), Math.round(y)]).toEqual([500, 400]);
    expect(Camera.fit({ width: 2, height: 2 }, VIEW).scale).toBe(64);
  });

  it("goes from the image to the screen and back", () => {
    fc.assert(
      fc.property(cameras, onScreen, (camera, place) => {
        const [x, y] = camera.toScreen(camera.toImage(place));
        expect(x).toBeCloseTo(place[0], 6);
        expect(y).toBeCloseTo(place[1], 6);
      }),
    );
  });

  it("keeps its centre in the image and its scale in limits, whatever is asked", () => {
    fc.assert(
      fc.property(cameras, number(0.001, 1000), onScreen, onScreen, (camera, factor, about, by) => {
        const moved = camera.zoomed(factor, about).panned(50 * by[0] - 25_000, 50 * by[1]);
        const [x, y] = moved.centre;
        expect(x >= -1e-6 && y >= -1e-6 && x <= 4000.001 && y <= 3000.001).toBe(true);
        expect(moved.scale).toBeLessThanOrEqual(64);
        expect(moved.scale).toBeGreaterThan(0.05);
      }),
    );
  });

  it("zooms about a place, under which the image stays", () => {
    fc.assert(
      fc.property(number(1, 20), number(0.5, 3), onScreen, (scale, factor, about) => {
        const camera = Camera.fit(IMAGE, VIEW).showing([2000, 1500, 2000, 1500]).scaled(scale);
        const [before, after] = [camera, camera.zoomed(factor, about)].map((c) => c.toImage(about));
        expect(after[0]).toBeCloseTo(before[0], 6);
        expect(after[1]).toBeCloseTo(before[1], 6);
      }),
    );
  });

  it("moves the image by the screen's pixels", () => {
    const camera = Camera.fit(IMAGE, VIEW).scaled(4);
    const [x, y] = camera.toScreen([2000, 1500]);
    const [movedX, movedY] = camera.panned(30, -12).toScreen([2000, 1500]);
    expect(movedX - x).toBeCloseTo(30);
    expect(movedY - y).toBeCloseTo(-12);
  });

  it("shows a box with what is around it", () => {
    const [left, top, right, bottom] = Camera.fit(IMAGE, VIEW).showing([100, 200, 300, 260]).seen;
    expect(left < 100 && top < 200 && right > 300 && bottom > 260).toBe(true);
    expect(right - left).toBeLessThan(2 * 200);
  });

  it("stays where it is in a view of another size, or still shows all", () => {
    const view = { width: 600, height: 900 };
    const camera = Camera.fit(IMAGE, VIEW).showing([100, 200, 300, 260]).resized(view);
    expect(camera.centre[0]).toBeCloseTo(200);
    expect(camera.centre[1]).toBeCloseTo(230);
    expect(Camera.fit(IMAGE, VIEW).resized(view).isFit).toBe(true);
  });
});

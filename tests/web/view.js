// What test_view.py asks of the page: an image, masks, gestures written down, frames counted.

// An image of 4,000×3,000 pixels in three sizes, cut into tiles: a ramp of grey with a red square of
// 200 pixels in the middle, and single pixels in black and white in the upper left corner.
window.putPicture = () => {
  const [width, height] = [4000, 3000];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const ramp = context.createLinearGradient(0, 0, width, height);
  ramp.addColorStop(0, "#404040");
  ramp.addColorStop(1, "#c0c0c0");
  context.fillStyle = ramp;
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#ff0000";
  context.fillRect(1900, 1400, 200, 200);
  for (let i = 0; i < 64; i++) {
    context.fillStyle = (i + (i >> 3)) % 2 ? "white" : "black";
    context.fillRect(i % 8, i >> 3, 1, 1);
  }
  const levels = [0, 1, 2].map((level) => ({ width: width >> level, height: height >> level }));
  const sizes = levels.map((size) => {
    const smaller = new OffscreenCanvas(size.width, size.height);
    smaller.getContext("2d").drawImage(canvas, 0, 0, size.width, size.height);
    return smaller;
  });
  window.asked = [];
  const source = {
    width,
    height,
    levels,
    tilePx: 512,
    tile(level, column, row) {
      window.asked.push([level, column, row]);
      const { width, height } = levels[level];
      const [x, y] = [512 * column, 512 * row];
      const [w, h] = [Math.min(512, width - x), Math.min(512, height - y)];
      return createImageBitmap(sizes[level], x, y, w, h);
    },
  };
  window.stage = new view.Stage(document.querySelector("main"));
  stage.setPicture(source);
};

// Blobs of 20 to 400 pixels that overlap, in colours that neighbours do not share.
window.putMasks = (count) => {
  let seed = 7;
  const next = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 0) / 2 ** 32;
  };
  const book = new view.ColourBook();
  const masks = Array.from({ length: count }, (_, i) => {
    const [x, y, size] = [next() * 4000, next() * 3000, 20 + 380 * next() ** 3];
    const points = [0, 1, 2].map(() => ({
      x: x + size * (next() - 0.5),
      y: y + size * (next() - 0.5),
      diameter: size * (0.3 + next()),
    }));
    const region = regions.brushStroke({ width: 4000, height: 3000 }, points, size);
    return { id: `mask ${i}`, region, colour: book.colourOf(`mask ${i}`, region.box) };
  }).sort((a, b) => b.region.area - a.region.area);
  stage.setMasks(masks);
};

// A square region.
window.square = ([left, top, right, bottom]) =>
  regions.fillRings({ width: 4000, height: 3000 }, [
    [
      [left, top],
      [right, top],
      [right, bottom],
      [left, bottom],
    ],
  ]);

// Two frames: what was asked for is drawn in the first.
window.drawn = () =>
  new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

// The time from frame to frame, and what drawing took of it, while the camera moves.
window.timeFrames = (move) =>
  new Promise((done) => {
    const [frames, draws] = [[], []];
    const draw = stage.draw.bind(stage);
    stage.draw = () => {
      const start = performance.now();
      draw();
      draws.push(performance.now() - start);
    };
    let last;
    const step = (now) => {
      if (last !== undefined) frames.push(now - last);
      last = now;
      const i = frames.length;
      if (i >= 150) {
        delete stage.draw;
        done({ frames, draws });
        return;
      }
      stage.camera =
        move === "pan"
          ? stage.camera.panned(-9 * Math.cos(i / 24), -6 * Math.sin(i / 24))
          : stage.camera.zoomed(i % 100 < 50 ? 1.07 : 1 / 1.07, [400, 300]);
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });

// Gestures are written down, their places in whole pixels of the image; every press may be a drag.
window.record = () => {
  window.told = [];
  const tell =
    (name) =>
    (...all) => {
      const spot = (value) => (value?.image ? value.image.map(Math.round) : value);
      const plain = (value) => (Array.isArray(value) ? value.map(spot) : spot(value));
      told.push([name, ...all.map(plain)]);
      return "drag";
    };
  const names = ["hover", "press", "click", "drag", "drop", "cancel", "wheel", "pan", "zoom"];
  const handler = Object.fromEntries(names.map((name) => [name, tell(name)]));
  const main = document.querySelector("main");
  window.gestures = new view.Gestures(main, (place) => stage.camera.toImage(place), handler);
};

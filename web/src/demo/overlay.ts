// What is drawn over the picture: the chosen mask, the clicks and the box.

import type { BoxXyxy, Mask, Point } from "../segmenter";

const MASK_RGBA = Uint8Array.of(30, 144, 255, 140);

type Canvas = HTMLCanvasElement;

export function draw(canvas: Canvas, mask?: Mask, points: Point[] = [], box?: BoxXyxy | null) {
  const context = canvas.getContext("2d")!;
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (mask?.area) drawMask(context, mask);
  const px = canvas.width / (canvas.clientWidth || canvas.width); // one of the screen's
  context.lineWidth = 2 * px;
  context.strokeStyle = "white";
  for (const { x, y, label } of points) {
    context.beginPath();
    context.arc(x, y, 6 * px, 0, 2 * Math.PI);
    context.fillStyle = label === 0 ? "red" : "lime";
    context.fill();
    context.stroke();
  }
  context.strokeStyle = "lime";
  if (box) context.strokeRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
}

function drawMask(context: CanvasRenderingContext2D, { pixels, width, box }: Mask): void {
  const [left, top, right, bottom] = box;
  const image = context.createImageData(right - left, bottom - top);
  const colours = new Uint32Array(image.data.buffer);
  const [colour] = new Uint32Array(MASK_RGBA.buffer);
  for (let y = top, i = 0; y < bottom; y++) {
    for (let x = left; x < right; x++, i++) if (pixels[y * width + x]) colours[i] = colour;
  }
  context.putImageData(image, left, top);
}

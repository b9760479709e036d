// What can be taken away: the mask, what it cuts out, and a COCO file.

import type { Mask } from "../segmenter";
import { cocoOf } from "./coco";
import { greyPng } from "./png";

export type Kind = "mask" | "cutout" | "coco";

const ENDINGS: Record<Kind, string> = {
  mask: "-mask.png",
  cutout: "-cutout.png",
  coco: ".coco.json",
};

/** Download a mask of a picture. picture: its pixels; name: of its file. */
export async function save(
  kind: Kind,
  mask: Mask,
  picture: HTMLCanvasElement,
  name: string,
): Promise<void> {
  const content = {
    mask: () => maskPng(mask),
    cutout: () => cutoutPng(mask, picture),
    coco: async () => new Blob([JSON.stringify(cocoOf(mask, name))], { type: "application/json" }),
  }[kind];
  download(await content(), stem(name) + ENDINGS[kind]);
}

/** White on black. */
function maskPng({ pixels, width, height }: Mask): Promise<Blob> {
  return greyPng(
    pixels.map((value) => 255 * value),
    width,
    height,
  );
}

/** The picture where the mask is, transparent elsewhere. */
async function cutoutPng({ pixels, width, height }: Mask, picture: HTMLCanvasElement) {
  const image = picture.getContext("2d")!.getImageData(0, 0, width, height);
  const colours = new Uint32Array(image.data.buffer);
  for (let i = 0; i < colours.length; i++) if (!pixels[i]) colours[i] = 0;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // it may still be asking where to
}

function stem(name: string): string {
  return name.replace(/(?<=.)\.[^.]*$/, "");
}

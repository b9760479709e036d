// One mask as a COCO file.

import type { Mask } from "../segmenter";
import { encodeRle } from "./rle";

/**
 * The file's content: one image, one category, one annotation, numbered from 1. Run lengths say all
 * of a mask, holes too, which polygons do not.
 */
export function cocoOf(mask: Mask, fileName: string) {
  const { width, height, area, box, predictedIou } = mask;
  const [x0, y0, x1, y1] = box;
  return {
    info: { description: "masks by anymask" },
    licenses: [],
    images: [{ id: 1, file_name: fileName, width, height }],
    categories: [{ id: 1, name: "object", supercategory: "" }],
    annotations: [
      {
        id: 1,
        image_id: 1,
        category_id: 1,
        segmentation: encodeRle(mask),
        bbox: [x0, y0, x1 - x0, y1 - y0],
        area,
        iscrowd: 0,
        score: predictedIou,
        predicted_iou: predictedIou,
      },
    ],
  };
}

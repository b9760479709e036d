"""Write masks.npz of a folder as COCO with sahi: its masks as it makes them, and a box alone."""

import sys
from pathlib import Path

import numpy as np
from sahi.annotation import Mask
from sahi.utils.coco import Coco, CocoAnnotation, CocoCategory, CocoImage
from sahi.utils.file import save_json

folder = Path(sys.argv[1])
masks = np.load(folder / "masks.npz")["masks"]
coco = Coco()
coco.add_category(CocoCategory(id=0, name="thing"))
image = CocoImage(file_name="a.png", height=masks.shape[1], width=masks.shape[2])
for mask in masks:
    polygons = Mask.from_bool_mask(mask, full_shape=list(mask.shape)).segmentation
    rows, columns = np.nonzero(mask)
    x, y = int(columns.min()), int(rows.min())
    box = [x, y, int(columns.max()) - x + 1, int(rows.max()) - y + 1]
    annotation = (
        CocoAnnotation.from_coco_segmentation(
            segmentation=polygons, category_id=0, category_name="thing"
        )
        if polygons
        else CocoAnnotation.from_coco_bbox(bbox=box, category_id=0, category_name="thing")
    )
    image.add_annotation(annotation)
image.add_annotation(
    CocoAnnotation.from_coco_bbox(bbox=[1, 1, 5, 4], category_id=0, category_name="thing")
)
coco.add_image(image)
save_json(coco.json, str(folder / "instances.json"))

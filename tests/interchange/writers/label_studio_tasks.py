"""Write masks.npz of a folder as tasks of Label Studio, with the strokes of its own encoder.

And what its own importer makes of a COCO file with polygons and boxes.
"""

import json
import sys
from pathlib import Path

import numpy as np
from label_studio_sdk.converter import brush
from label_studio_sdk.converter.imports.coco import convert_coco_to_ls
from PIL import Image

folder = Path(sys.argv[1])
masks = np.load(folder / "masks.npz")["masks"]
results = []
for number, mask in enumerate(masks):
    value = 255 if number % 2 else 1
    if number == 0:
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "mask.bmp")
        rle, _, _ = brush.image2rle(str(folder / "mask.bmp"))
        (folder / "mask.bmp").unlink()
    else:
        rle = brush.mask2rle(mask.astype(np.uint8) * value)
    np.testing.assert_array_equal(brush.decode_rle(rle).reshape(*mask.shape, 4)[..., 3] > 0, mask)
    results.append(
        {
            "id": f"r{number}", "type": "brushlabels", "from_name": "tag", "to_name": "image",
            "value": {"format": "rle", "rle": rle, "brushlabels": [f"mask {number}"]},
            "original_width": mask.shape[1], "original_height": mask.shape[0],
        }
    )  # fmt: skip
task = {"id": 1, "data": {"image": "/data/upload/1/0123abcd-a.png"}}
annotation = {"id": 1, "completed_by": 1, "was_cancelled": False, "result": results}
(folder / "strokes").mkdir()
Image.open(folder / "a.png").save(folder / "strokes" / "a.png")
(folder / "strokes" / "export.json").write_text(
    json.dumps([{**task, "annotations": [annotation], "predictions": []}])
)
square = [8, 6, 28, 6, 28, 18, 8, 18]
coco = {
    "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
    "categories": [{"id": 1, "name": "thing"}],
    "annotations": [
        {
            "id": 1, "image_id": 1, "category_id": 1, "bbox": [8, 6, 20, 12], "iscrowd": 0,
            "segmentation": [square, [40, 30, 50, 30, 50, 31, 40, 31]], "area": 240,
        }
    ],
}  # fmt: skip
(folder / "coco.json").write_text(json.dumps(coco))
convert_coco_to_ls(str(folder / "coco.json"), str(folder / "imported.json"), out_type="annotations")
(folder / "coco.json").unlink()
for ending in ("imported.json", "imported.label_config.xml"):
    if (folder / ending).exists():
        (folder / "polygons").mkdir(exist_ok=True)
        (folder / ending).rename(folder / "polygons" / ending)
Image.open(folder / "a.png").save(folder / "polygons" / "a.png")

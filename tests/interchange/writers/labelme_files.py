"""Write masks.npz of a folder as labelme's file, mask by mask and as polygons of their corners.

And what labelme itself draws of the polygons, as drawn.npz.
"""

import sys
from pathlib import Path

import numpy as np
from labelme import utils
from labelme._label_file import LabelFile

folder = Path(sys.argv[1])
masks = np.load(folder / "masks.npz")["masks"]
height, width = masks.shape[1:]
shapes = []
for number, mask in enumerate(masks):
    rows, columns = np.nonzero(mask)
    x0, x1, y0, y1 = columns.min(), columns.max(), rows.min(), rows.max()
    part = mask[y0 : y1 + 1, x0 : x1 + 1].astype(np.uint8)
    shapes.append(
        {
            "label": f"mask {number}", "points": [[int(x0), int(y0)], [int(x1), int(y1)]],
            "group_id": None, "description": "", "shape_type": "mask", "flags": {},
            "mask": utils.img_arr_to_b64(part),
        }
    )  # fmt: skip
outlines = {
    "polygon": [[8.5, 6.2], [30.1, 7.7], [25.0, 20.4], [10.3, 33.3]],
    "rectangle": [[40.2, 10.6], [50.9, 12.1]],
    "circle": [[20.5, 30.5], [26.0, 33.0]],
    "oriented_rectangle": [[40, 20], [50, 25], [47, 31], [37, 26]],
    "strip": [[4, 40], [20, 40], [20, 40], [4, 40]],
}
drawn = []
for name, points in outlines.items():
    kind = "polygon" if name == "strip" else name
    shapes.append(
        {
            "label": name, "points": points, "group_id": None, "description": "",
            "shape_type": kind, "flags": {}, "mask": None,
        }
    )  # fmt: skip
    drawn.append(utils.shape_to_mask((height, width), points, kind))
for kind, points in {
    "point": [[3, 3]],
    "line": [[3, 3], [9, 9]],
    "linestrip": [[3, 3], [9, 9]],
}.items():
    shapes.append(
        {
            "label": kind, "points": points, "group_id": None, "description": "",
            "shape_type": kind, "flags": {}, "mask": None,
        }
    )  # fmt: skip
np.savez(folder / "drawn.npz", masks=np.array(drawn))
image = LabelFile.load_image_file(str(folder / "a.png"))
LabelFile().save(
    filename=str(folder / "a.json"), shapes=shapes, image_path="a.png",
    image_height=height, image_width=width,
    image_data=image if sys.argv[2] == "inside" else None,
)  # fmt: skip

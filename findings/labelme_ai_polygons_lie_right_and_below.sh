#!/usr/bin/env bash
# A polygon that labelme's AI tools make of a mask covers a row and a column that the mask has not.
#
# AI-Polygon and its like get a mask of a model and keep its outline. labelme pads the mask by a
# pixel before it looks for the outline, and does not take the pixel off again: on the screen, where
# pixel i reaches from i to i + 1, all points lie half a pixel to the right and below. Its own drawing
# (`labelme.utils.shape_to_mask`) takes every pixel that an outline touches. One would expect the mask
# back, but for corners; seen is a mask with a row and a column more, at the right and at the bottom
# only. COCO's rule (what lies between the lines), by which converters of labelme's files have it
# read, gives the right size a whole pixel off: of a strip of a pixel it has nothing in common with
# the mask. The mask shapes of the same tools are exact: keep those where pixels matter.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check labelme==6.3.1 pycocotools==2.0.11
cd "$folder"
QT_QPA_PLATFORM=offscreen venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from labelme._automation._geometry import compute_polygon_from_mask
from labelme.utils import shape_to_mask
from pycocotools import mask as coco_mask


def box(mask: np.ndarray) -> tuple[int, ...]:
    """First and last row, first and last column."""
    rows, columns = np.nonzero(mask)
    return tuple(int(v) for v in (rows.min(), rows.max(), columns.min(), columns.max()))


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return round(float((one & other).sum() / (one | other).sum()), 2)


seen = []
print(f"labelme {version('labelme')}")
for height in (20, 4, 1):
    mask = np.zeros((100, 100), bool)
    mask[20 : 20 + height, 10:40] = True
    polygon = compute_polygon_from_mask(mask)
    drawn = shape_to_mask(mask.shape, polygon.tolist(), "polygon")
    rings = coco_mask.frPyObjects([polygon.reshape(-1).astype(float).tolist()], *mask.shape)
    coco = coco_mask.decode(coco_mask.merge(rings)).astype(bool)
    print(
        f"rows and columns {box(mask)}, {mask.sum()} px: drawn {box(drawn)}, {drawn.sum()} px, "
        f"IoU {iou(mask, drawn)}; by COCO's rule {box(coco)}, {coco.sum()} px, IoU {iou(mask, coco)}"
    )
    seen.append((box(drawn), iou(mask, drawn)))
if seen == [((20, 40, 10, 40), 0.92), ((20, 24, 10, 40), 0.77), ((20, 21, 10, 40), 0.47)]:
    print("as found: a row and a column too many, right and below")
else:
    sys.exit("this has changed: look again")
PYTHON

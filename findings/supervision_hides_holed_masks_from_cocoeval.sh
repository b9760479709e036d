#!/usr/bin/env bash
# A model that misses every mask with a hole scores AP 1.0 on ground truth that supervision saved.
#
# supervision's DetectionDataset.as_coco writes a mask without holes as a polygon. One with a hole or
# of two parts needs run lengths, and it marks these iscrowd 1, which says something else: that a
# region holds many objects which nobody told apart. pycocotools therefore leaves them out of recall,
# and forgives whatever is found in them. One would expect AP to fall with each object that is
# missed: instead, of three true masks two do not count, and finding only the third is perfect.
# With the marks taken away, the same detections have an AP of 0.34.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  supervision==0.31.2 pycocotools==2.0.11 numpy==2.4.6 opencv-python-headless==4.14.0.94
cd "$folder"
venv/bin/python - <<'PYTHON'
import contextlib
import io
import json
import sys
from importlib.metadata import version

import numpy as np
import supervision as sv
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

plain, holed, parted = np.zeros((3, 120, 160), bool)
plain[10:50, 10:60] = True
holed[60:110, 10:60] = True
holed[80:90, 30:40] = False
parted[10:40, 80:110] = parted[60:90, 120:150] = True
masks = np.stack([plain, holed, parted])
Image.new("RGB", (160, 120)).save("photo.png")
truth = sv.Detections(xyxy=sv.mask_to_xyxy(masks), mask=masks, class_id=np.zeros(3, int))
dataset = sv.DetectionDataset(["cell"], ["photo.png"], {"photo.png": truth})
dataset.as_coco(annotations_path="truth.json")
saved = json.load(open("truth.json"))
marks = [one["iscrowd"] for one in saved["annotations"]]


def average_precision(document: dict) -> float:
    """Of detections that are the first mask of the truth, and nothing else."""
    json.dump(document, open("asked.json", "w"))
    first = document["annotations"][0]
    found = {key: first[key] for key in ("image_id", "category_id")}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO("asked.json")
        found["segmentation"] = coco.annToRLE(first)
        judge = COCOeval(coco, coco.loadRes([{**found, "score": 1.0}]), "segm")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return round(float(judge.stats[0]), 2)


as_saved = average_precision(saved)
plainly = {**saved, "annotations": [{**one, "iscrowd": 0} for one in saved["annotations"]]}
unmarked = average_precision(plainly)
print(f"supervision {version('supervision')}, pycocotools {version('pycocotools')}")
print(f"iscrowd of a plain mask, one with a hole, one of two parts: {marks}")
print(f"AP of finding the plain one only: {as_saved} as saved, {unmarked} without the marks")
if (marks, as_saved, unmarked) == ([0, 1, 1], 1.0, 0.34):
    print("as found: two of three objects do not count, and nothing says so")
else:
    sys.exit("this has changed: look again")
PYTHON

"""Print the pixels of each mask of a COCO file, as supervision and pycocotools read them."""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

import supervision as sv
from pycocotools.coco import COCO

folder, file = Path(sys.argv[1]), sys.argv[2]
dataset = sv.DetectionDataset.from_coco(
    images_directory_path=str(folder), annotations_path=file, force_masks=True
)
(detections,) = dataset.annotations.values()
with redirect_stdout(sys.stderr):  # it says that it loads
    coco = COCO(file)
areas = [int(coco.annToMask(annotation).sum()) for annotation in coco.loadAnns(coco.getAnnIds())]
print(json.dumps({"supervision": [int(m.sum()) for m in detections.mask], "pycocotools": areas}))

"""Write masks.npz of a folder as COCO with supervision: polygons, and run lengths where need be."""

import sys
from pathlib import Path

import numpy as np
import supervision as sv

folder = Path(sys.argv[1])
masks = np.load(folder / "masks.npz")["masks"]
detections = sv.Detections(
    xyxy=sv.mask_to_xyxy(masks).astype(float), mask=masks, class_id=np.zeros(len(masks), int)
)
image = str(folder / "a.png")
dataset = sv.DetectionDataset(classes=["thing"], images=[image], annotations={image: detections})
dataset.as_coco(annotations_path=str(folder / "instances.json"))

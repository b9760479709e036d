"""Write masks.npz of a folder as supervision writes YOLO labels."""

import sys
from pathlib import Path

import numpy as np
import supervision as sv

folder = Path(sys.argv[1])
masks = np.load(folder / "masks.npz")["masks"]
detections = sv.Detections(
    xyxy=sv.mask_to_xyxy(masks), mask=masks, class_id=np.zeros(len(masks), int)
)
path = str(folder / "a.png")
sv.DetectionDataset(classes=["thing"], images=[path], annotations={path: detections}).as_yolo(
    images_directory_path=str(folder / "out" / "images"),
    annotations_directory_path=str(folder / "out" / "labels"),
    data_yaml_path=str(folder / "out" / "data.yaml"),
)

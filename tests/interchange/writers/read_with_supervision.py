"""Read YOLO labels as supervision does, and print the pixels of each mask and its class."""

import json
import sys
from pathlib import Path

import supervision as sv

folder = Path(sys.argv[1])
dataset = sv.DetectionDataset.from_yolo(
    images_directory_path=str(folder / "images"),
    annotations_directory_path=str(folder / "labels"),
    data_yaml_path=str(folder / "data.yaml"),
    force_masks=True,
)
(detections,) = dataset.annotations.values()
areas = [int(mask.sum()) for mask in detections.mask]
print(json.dumps({"areas": areas, "labels": [dataset.classes[n] for n in detections.class_id]}))

"""Write masks.npz of a folder with datumaro, in the format that the second argument names."""

import sys
from pathlib import Path

import numpy as np
from datumaro.components.annotation import Bbox, Mask
from datumaro.components.dataset import Dataset
from datumaro.components.dataset_base import DatasetItem
from datumaro.components.media import Image

folder, form = Path(sys.argv[1]), sys.argv[2]
masks = np.load(folder / "masks.npz")["masks"]
annotations = [
    Mask(mask.astype(np.uint8), label=0, id=number, group=number)
    for number, mask in enumerate(masks, 1)
]
if form == "coco_instances":
    annotations.append(Bbox(1, 1, 5, 4, label=0, id=99, group=99))
item = DatasetItem(
    id="a", media=Image.from_file(str(folder / "a.png")), annotations=annotations, subset="train"
)
dataset = Dataset.from_iterable([item], categories=["thing"])
dataset.export(str(folder / "out"), form, save_media=True)

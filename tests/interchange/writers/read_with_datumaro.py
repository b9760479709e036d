"""Read a dataset as datumaro does: its masks and labels, in order, as an .npz file."""

import json
import sys

import numpy as np
from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset
from pycocotools import mask as coco_mask

folder, form, target = sys.argv[1:4]
dataset = Dataset.import_from(folder, form)
names = [category.name for category in dataset.categories()[AnnotationType.label].items]
(item,) = list(dataset)
height, width = item.media.size
masks, labels = [], []
for one in item.annotations:
    if one.type == AnnotationType.mask:
        masks.append(np.asarray(one.image, bool))
    elif one.type == AnnotationType.polygon:
        merged = coco_mask.merge(coco_mask.frPyObjects([one.points], height, width))
        masks.append(coco_mask.decode(merged).astype(bool))
    else:
        continue
    labels.append(names[one.label])
np.savez(target, masks=np.array(masks))
print(json.dumps(labels))

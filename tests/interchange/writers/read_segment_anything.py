"""Print the pixels of each mask of SA-1B's records in a folder, as datumaro reads them."""

import json
import sys

from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset

dataset = Dataset.import_from(sys.argv[1], "segment_anything")
(item,) = list(dataset)
masks = [one.image for one in item.annotations if one.type == AnnotationType.mask]
print(json.dumps(sorted(int(mask.sum()) for mask in masks)))

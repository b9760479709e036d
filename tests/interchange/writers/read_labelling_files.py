"""Read what labelling tools read: labelme's file, or Label Studio's strokes, as an .npz file."""

import json
import sys
from pathlib import Path

import numpy as np

file, target = Path(sys.argv[1]), sys.argv[2]
masks, labels = [], []
if file.name == "tasks.json":
    from label_studio_sdk.converter import brush

    (task,) = json.loads(file.read_text())
    for result in task["annotations"][0]["result"]:
        shape = result["original_height"], result["original_width"], 4
        alpha = brush.decode_rle(result["value"]["rle"]).reshape(shape)[..., 3]
        assert set(np.unique(alpha)) <= {0, 255}
        masks.append(alpha > 0)
        labels += result["value"]["brushlabels"]
else:
    from labelme import utils
    from labelme._label_file import LabelFile

    loaded = LabelFile(str(file))
    height, width = utils.img_data_to_arr(loaded.image_data).shape[:2]
    for shape in loaded.shapes:
        (x0, y0), (x1, y1) = np.array(shape["points"], int)
        mask = np.zeros((height, width), bool)
        mask[y0 : y1 + 1, x0 : x1 + 1] = shape["mask"]
        masks.append(mask)
        labels.append(shape["label"])
np.savez(target, masks=np.array(masks))
print(json.dumps(labels))

"""Licence plates: a detector like RetinaFace (Deng et al., arXiv 1905.00641), an ONNX graph.

Shape legend: N boxes, A priors, H W pixels.
"""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np

from anymask.core.geometry import Floats, nms
from anymask.core.image import RGB
from anymask.predict.blurring.detections import SAME_THING
from anymask.predict.onnx_runtime import Graph

MEAN_BGR = (104.0, 117.0, 123.0)
PRIOR_SIDES_PX = {8: (24, 48), 16: (96, 192), 32: (384, 768)}  # by stride
VARIANCES = (0.1, 0.2)  # of centres and of sizes
THRESHOLD = 0.1  # finds 11 of 15 where 0.2 finds 9, and twice as much that is none


class PlateDetector:
    """A ``detections.Detector`` of licence plates at the size at which they are.

    scales: the sizes at which an image should be looked at.
    """

    scales = (1.0, 2.0, 3.0)

    def __init__(
        self, path: Path, threshold: float = THRESHOLD, threads: int | None = None
    ) -> None:
        self.graph, self.threshold = Graph(path, threads), threshold

    def __call__(self, pixels: RGB) -> tuple[Floats, Floats]:
        image = (pixels[:, :, ::-1].astype(np.float32) - np.array(MEAN_BGR, np.float32))[None]
        feeds = {"image": np.ascontiguousarray(image.transpose(0, 3, 1, 2))}
        places, confidences = self.graph.run(["loc", "conf"], feeds)
        boxes = boxes_of(places[0], priors(pixels.shape[0], pixels.shape[1]))
        scores = confidences[0, :, 1]
        sure = scores > self.threshold
        boxes, scores = boxes[sure], scores[sure]
        kept = nms(boxes, scores, SAME_THING) if len(scores) else []
        return boxes[kept], scores[kept]


def priors(height: int, width: int) -> Floats:
    """Priors (A, 4) of an image, centre XY and sides in pixels: stride by stride, row by row."""
    parts = []
    for stride, sides in PRIOR_SIDES_PX.items():
        rows, columns = ceil(height / stride), ceil(width / stride)
        y, x, side = np.meshgrid(
            (np.arange(rows) + 0.5) * stride, (np.arange(columns) + 0.5) * stride, sides,
            indexing="ij",
        )  # fmt: skip
        parts.append(np.stack([x, y, side, side], axis=-1).reshape(-1, 4))
    return np.concatenate(parts).astype(np.float32)


def boxes_of(places: Floats, priors: Floats) -> Floats:
    """Boxes (A, 4) XYXY in pixels of what the graph says of each prior."""
    centres = priors[:, :2] + places[:, :2] * VARIANCES[0] * priors[:, 2:]
    halves = priors[:, 2:] * np.exp(places[:, 2:] * VARIANCES[1]) / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)

"""Faces: CenterFace (Xu et al., arXiv 1911.03599), an ONNX graph.

Shape legend: N boxes, H W pixels, h w cells of the graph's stride.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from anymask.core.geometry import Floats, nms
from anymask.core.image import RGB
from anymask.predict.blurring.detections import SAME_THING
from anymask.predict.onnx_runtime import Graph

STRIDE, MULTIPLE = 4, 32
THRESHOLD = 0.2
OUTPUTS = ["537", "538", "539"]  # heat map, sizes, offsets; its landmarks are not needed


class FaceDetector:
    """A ``detections.Detector`` of faces at the size at which they are.

    scales: the sizes at which an image should be looked at. threshold: of the heat
    map; lower finds more faces, and more that are none.
    """

    scales = (1.0, 2.0)

    def __init__(
        self, path: Path, threshold: float = THRESHOLD, threads: int | None = None
    ) -> None:
        self.graph = Graph(path, threads, free_dims={"input.1": (0, 2, 3)})
        self.threshold = threshold

    def __call__(self, pixels: RGB) -> tuple[Floats, Floats]:
        height, width = pixels.shape[:2]
        down, right = -height % MULTIPLE, -width % MULTIPLE
        padded = np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="edge")
        image = padded.astype(np.float32).transpose(2, 0, 1)[None]
        heat, sizes, offsets = self.graph.run(OUTPUTS, {"input.1": image})
        return boxes_of(heat[0, 0], sizes[0], offsets[0], self.threshold)


def boxes_of(
    heat: Floats, sizes: Floats, offsets: Floats, threshold: float
) -> tuple[Floats, Floats]:
    """Boxes (N, 4) XYXY and scores (N,) of a heat map (h, w), sizes and offsets (2, h, w), YX.

    Sizes are logarithms, in strides; a cell's middle is half a stride from its corner.
    """
    rows, columns = np.nonzero(heat > threshold)
    scores = heat[rows, columns]
    centres = np.stack([columns, rows], axis=1) + offsets[::-1, rows, columns].T + 0.5
    halves = np.exp(sizes[::-1, rows, columns].T) / 2
    boxes = np.concatenate([centres - halves, centres + halves], axis=1) * STRIDE
    kept = nms(boxes, scores, SAME_THING) if len(scores) else []
    return boxes[kept], scores[kept]

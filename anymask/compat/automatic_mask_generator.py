"""``segment_anything.SamAutomaticMaskGenerator``: everything in an image.

Shape legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from inspect import signature
from typing import Any

import numpy.typing as npt

from anymask.compat.modeling.sam import Sam
from anymask.compat.predictor import SamPredictor
from anymask.core import rle
from anymask.core.image import ImageSource
from anymask.core.mask_files.sa1b import bbox_to_last_pixel
from anymask.core.protocol import Segmenter
from anymask.errors import Error, shown
from anymask.predict.automatic import AutomaticConfig, segment_everything
from anymask.predict.predictor import Predictor

OUTPUT_MODES = ("binary_mask", "coco_rle", "uncompressed_rle")


class SamAutomaticMaskGenerator:
    """Everything in an image.

    Takes the official arguments (``anymask.AutomaticConfig`` explains them) and Hugging Face's
    spelling ``crops_n_layers``. ``output_mode`` is ``binary_mask``, ``coco_rle`` or
    ``uncompressed_rle``. With ``min_mask_region_area`` a mask of which nothing remains is dropped,
    as in the paper; the official code keeps its largest island.

    model: what ``sam_model_registry`` or ``anymask.load`` gives.
    """

    def __init__(
        self,
        model: Sam | Segmenter,
        points_per_side: int | None = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float = 0.88,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: Sequence[npt.ArrayLike] | None = None,
        min_mask_region_area: int = 0,
        output_mode: str = "binary_mask",
        crops_n_layers: int | None = None,
        **unknown: object,
    ) -> None:
        for name in unknown:
            near = get_close_matches(name, signature(SamAutomaticMaskGenerator).parameters, n=1)
            hint = f"; do you mean {near[0]}?" if near else ""
            raise Error(f"SamAutomaticMaskGenerator takes no {name}{hint}")
        if (points_per_side is None) == (point_grids is None):
            raise Error("give either points_per_side or point_grids")
        if not isinstance(output_mode, str) or output_mode not in OUTPUT_MODES:
            raise Error(f"output_mode must be one of {', '.join(OUTPUT_MODES)}")
        if not callable(getattr(model, "predict", None)):
            raise Error(f"a mask generator needs a model, not a {type(model).__name__}")
        self.model, self.output_mode = model, output_mode
        self.config = AutomaticConfig(
            points_per_side=1 if points_per_side is None else points_per_side,
            points_per_batch=points_per_batch,
            pred_iou_thresh=pred_iou_thresh,
            stability_score_thresh=stability_score_thresh,
            stability_score_offset=stability_score_offset,
            box_nms_thresh=box_nms_thresh,
            crop_n_layers=crop_n_layers if crops_n_layers is None else crops_n_layers,
            crop_nms_thresh=crop_nms_thresh,
            crop_overlap_ratio=crop_overlap_ratio,
            crop_n_points_downscale_factor=crop_n_points_downscale_factor,
            point_grids=None if point_grids is None else _grids(point_grids),
            min_mask_region_area=min_mask_region_area,
        )

    @property
    def predictor(self) -> SamPredictor:
        """A predictor over the model; one in PyTorch alone can have it."""
        if isinstance(self.model, (Sam, Predictor)):
            return SamPredictor(self.model)
        raise Error(f"a {type(self.model).__name__} has no SamPredictor")

    def __repr__(self) -> str:
        return f"SamAutomaticMaskGenerator({self.model!r}, {self.config!r}, {self.output_mode})"

    def generate(self, image: ImageSource) -> list[dict[str, Any]]:
        """The masks of an (H, W, 3) uint8 RGB image, as the official records."""
        annotations = segment_everything(self.model, image, self.config)
        return [
            {
                "segmentation": self._segmentation(annotation["segmentation"]),
                "area": annotation["area"],
                "bbox": bbox_to_last_pixel(annotation["bbox"]),
                "predicted_iou": annotation["predicted_iou"],
                "point_coords": annotation["point_coords"],
                "stability_score": annotation["stability_score"],
                "crop_box": annotation["crop_box"],
            }
            for annotation in annotations
        ]

    def _segmentation(self, encoded: rle.RLE) -> Any:
        if self.output_mode == "coco_rle":
            return encoded
        if self.output_mode == "uncompressed_rle":
            return {"size": encoded["size"], "counts": rle.runs(encoded)}
        return rle.decode(encoded)


def _grids(point_grids: Sequence[npt.ArrayLike]) -> tuple[Any, ...]:
    """A grid for each layer; ``AutomaticConfig`` looks into them."""
    try:
        return tuple(point_grids)
    except TypeError:
        raise Error(
            f"point_grids is a list of grids, one a layer, not {shown(point_grids)}"
        ) from None

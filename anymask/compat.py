"""The names of the official package over anymask, for code that already uses them.

    from anymask.compat import SamPredictor, sam_model_registry

    predictor = SamPredictor(sam_model_registry["vit_t"]())
    predictor.set_image(image)
    masks, scores, logits = predictor.predict(np.array([[500, 375]]), np.array([1]))

Signatures and shapes are those of ``segment_anything``. One thing differs: a point labelled -1 is
left out instead of being attended to as "not a point", so prompts can be padded to one length.

Shape legend: P prompts, N points, M masks, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import ResizeMap
from anymask.core.image import read_image, resize
from anymask.core.logits import MASK_THRESHOLD, upsample
from anymask.core.mask_files.sa1b import bbox_to_last_pixel
from anymask.errors import EmbeddingError, Error, ImageError, PromptError
from anymask.models.prompt_encoder import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, PromptBatch
from anymask.predict.automatic import AutomaticConfig, segment_everything
from anymask.predict.predictor import Predictor, load

Array = npt.NDArray[Any]

OUTPUT_MODES = ("binary_mask", "coco_rle", "uncompressed_rle")


class ResizeLongestSide:
    """The map from an image to the model's input, as ``SamPredictor.transform``."""

    def __init__(self, target_length: int) -> None:
        self.target_length = target_length

    def apply_image(self, image: Array) -> Array:
        """Resize an (H, W, 3) uint8 image."""
        rgb = read_image(image)
        return resize(rgb, ResizeMap((rgb.shape[0], rgb.shape[1]), self.target_length))

    def apply_coords(self, coords: Array, original_size: tuple[int, int]) -> Array:
        """Map (..., 2) XY pixels of an image of ``original_size`` (H, W)."""
        return ResizeMap(original_size, self.target_length).to_input(coords)

    def apply_boxes(self, boxes: Array, original_size: tuple[int, int]) -> Array:
        """Map (P, 4) XYXY boxes."""
        return self.apply_coords(np.reshape(boxes, (-1, 2, 2)), original_size).reshape(-1, 4)

    def apply_image_torch(self, image: Tensor) -> Tensor:
        """Resize (B, 3, H, W) floats; not to the same bits as ``apply_image``."""
        size = self.get_preprocess_shape(image.shape[2], image.shape[3], self.target_length)
        return F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)

    @staticmethod
    def get_preprocess_shape(oldh: int, oldw: int, long_side_length: int) -> tuple[int, int]:
        """The size (H, W) that an image of another size is resized to."""
        return ResizeMap((oldh, oldw), long_side_length).content_hw

    def apply_coords_torch(self, coords: Tensor, original_size: tuple[int, int]) -> Tensor:
        """Map (..., 2) XY pixels, as a tensor on the same device."""
        mapped = self.apply_coords(coords.cpu().numpy(), original_size)
        return torch.from_numpy(mapped).to(coords.device)

    def apply_boxes_torch(self, boxes: Tensor, original_size: tuple[int, int]) -> Tensor:
        """Map (P, 4) XYXY boxes, as a tensor on the same device."""
        return self.apply_coords_torch(boxes.reshape(-1, 2, 2), original_size).reshape(-1, 4)


class SamPredictor:
    """``segment_anything.SamPredictor``: set an image once, then ask.

    sam_model: what ``anymask.load`` or ``sam_model_registry`` gives.
    """

    def __init__(self, sam_model: Predictor) -> None:
        self.model = sam_model
        self.transform = ResizeLongestSide(sam_model.input_px)
        self.reset_image()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    def reset_image(self) -> None:
        """Forget the image."""
        self.is_image_set = False
        self.features: Tensor | None = None
        self.original_size = self.input_size = (0, 0)

    def set_image(self, image: Array, image_format: str = "RGB") -> None:
        """Embed an (H, W, 3) uint8 image, ``RGB`` or ``BGR``."""
        if image_format not in ("RGB", "BGR"):
            raise ImageError(f"image_format must be RGB or BGR, not {image_format!r}")
        self.set_embedding(self.model.encode(image[..., ::-1] if image_format == "BGR" else image))

    def set_torch_image(
        self, transformed_image: Tensor, original_image_size: tuple[int, int]
    ) -> None:
        """Embed a (1, 3, H, W) image of 0-255 that ``transform`` has resized."""
        size = tuple(transformed_image.shape)
        if len(size) != 4 or size[:2] != (1, 3) or max(size[2:]) != self.model.input_px:
            raise ImageError(
                f"set_torch_image takes (1, 3, H, W) with a longest side of {self.model.input_px}, "
                f"not {size}"
            )
        self.features = self.model.embed_pixels(transformed_image)
        self.original_size, self.input_size = original_image_size, (size[2], size[3])
        self.is_image_set = True

    def set_embedding(self, embedding: ImageEmbedding) -> None:
        """Take an image as embedded before; its encoder does not run again."""
        if embedding.model != self.model.model_id:
            raise EmbeddingError(
                f"the embedding was made by {embedding.model}, not by {self.model.model_id}"
            )
        self.features = self.model.features(embedding)[None]
        self.original_size = embedding.image_hw
        self.input_size = embedding.resize_map.content_hw
        self.is_image_set = True

    def get_image_embedding(self) -> Tensor:
        """The (1, C, h, w) embedding of the image."""
        return self._features()

    def predict(
        self,
        point_coords: Array | None = None,
        point_labels: Array | None = None,
        box: Array | None = None,
        mask_input: Array | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> tuple[Array, Array, Array]:
        """Segment one object of the image.

        point_coords (N, 2) and point_labels (N,); box (4,) XYXY, all in pixels of the image;
        mask_input (1, h, w) low-resolution logits.

        Gives masks (M, H, W), bool or logits; predicted IoUs (M,); low-resolution logits
        (M, h, w); in the order of the mask tokens. M is 3, or 1 without ``multimask_output``.
        """
        self._features()
        if (point_coords is None) != (point_labels is None):
            raise PromptError("point_coords and point_labels go together")
        size = self.original_size
        coords, labels, boxes, masks = None, None, None, None
        if point_coords is not None:
            coords = _tensor(self.transform.apply_coords(point_coords, size))[None]
            labels = _tensor(point_labels)[None]
        if box is not None:
            boxes = _tensor(self.transform.apply_boxes(np.asarray(box), size))
        if mask_input is not None:
            masks = _tensor(mask_input)[None]
        answers = self.predict_torch(
            coords, labels, boxes, masks, multimask_output, return_logits=return_logits
        )
        full, iou, low_res = (answer[0].cpu().numpy() for answer in answers)
        return full, iou, low_res

    def predict_torch(
        self,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        boxes: Tensor | None = None,
        mask_input: Tensor | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Segment P objects of the image; prompts are already in the frame of the model's input.

        point_coords (P, N, 2) and point_labels (P, N); boxes (P, 4); mask_input (P, 1, h, w).
        Gives masks (P, M, H, W), predicted IoUs (P, M), low-resolution logits (P, M, h, w).
        """
        batch = self._batch(point_coords, point_labels, boxes, mask_input)
        features = self._features()
        image = self.model.shared(features) if mask_input is None else features
        logits, iou = self.model.decode(image, batch)
        tokens = slice(1, None) if multimask_output else slice(0, 1)
        logits, iou = logits[:, tokens], iou[:, tokens]
        return self._postprocess(logits, return_logits), iou, logits

    def _features(self) -> Tensor:
        if self.features is None:
            raise PromptError("set an image with .set_image(...) first")
        return self.features

    def _batch(
        self,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        boxes: Tensor | None,
        mask_input: Tensor | None,
    ) -> PromptBatch:
        given = next((x for x in (point_coords, boxes, mask_input) if x is not None), None)
        prompts = 1 if given is None else len(given)
        coords, labels = [torch.zeros(prompts, 0, 2)], [torch.zeros(prompts, 0)]
        if point_coords is not None and point_labels is not None:
            coords.append(point_coords.float().cpu())
            labels.append(point_labels.cpu())
        if boxes is not None:
            coords.append(boxes.float().cpu().reshape(-1, 2, 2))
            labels.append(torch.tensor([[BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]]).expand(prompts, 2))
        try:
            points, kinds = torch.cat(coords, dim=1), torch.cat(labels, dim=1).long()
        except RuntimeError as error:
            raise PromptError(f"the prompts' shapes do not belong together: {error}") from None
        return PromptBatch(
            point_coords=points.to(self.device),
            point_labels=kinds.to(self.device),
            image_index=torch.zeros(prompts, dtype=torch.long, device=self.device),
            mask_inputs=None if mask_input is None else mask_input.float().to(self.device),
        )

    def _postprocess(self, logits: Tensor, return_logits: bool) -> Tensor:
        """(P, M, h, w) logits to (P, M, H, W) logits or masks, on the processor, one at a time."""
        resize_map = ResizeMap(self.original_size, self.model.input_px)
        flat = logits.flatten(0, 1).cpu().numpy()
        full = np.empty((len(flat), *self.original_size), np.float32 if return_logits else bool)
        for out, low_resolution in zip(full, flat):
            upsampled = upsample(low_resolution, resize_map)
            out[:] = upsampled if return_logits else upsampled > MASK_THRESHOLD
        return torch.unflatten(torch.from_numpy(full), 0, logits.shape[:2]).to(self.device)


class SamAutomaticMaskGenerator:
    """``segment_anything.SamAutomaticMaskGenerator``: everything in an image.

    Takes the official arguments (``anymask.AutomaticConfig`` explains them) and Hugging Face's
    spelling ``crops_n_layers``. ``output_mode`` is ``binary_mask``, ``coco_rle`` or
    ``uncompressed_rle``. With ``min_mask_region_area`` a mask of which nothing remains is dropped,
    as in the paper; the official code keeps its largest island.
    """

    def __init__(
        self,
        model: Predictor,
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
        point_grids: list[Array] | None = None,
        min_mask_region_area: int = 0,
        output_mode: str = "binary_mask",
        crops_n_layers: int | None = None,
    ) -> None:
        if (points_per_side is None) == (point_grids is None):
            raise Error("give either points_per_side or point_grids")
        if output_mode not in OUTPUT_MODES:
            raise Error(f"output_mode must be one of {', '.join(OUTPUT_MODES)}")
        self.model, self.output_mode = model, output_mode
        self.config = AutomaticConfig(
            points_per_side=points_per_side or 1,
            points_per_batch=points_per_batch,
            pred_iou_thresh=pred_iou_thresh,
            stability_score_thresh=stability_score_thresh,
            stability_score_offset=stability_score_offset,
            box_nms_thresh=box_nms_thresh,
            crop_n_layers=crop_n_layers if crops_n_layers is None else crops_n_layers,
            crop_nms_thresh=crop_nms_thresh,
            crop_overlap_ratio=crop_overlap_ratio,
            crop_n_points_downscale_factor=crop_n_points_downscale_factor,
            point_grids=None if point_grids is None else tuple(point_grids),
            min_mask_region_area=min_mask_region_area,
        )

    def generate(self, image: Array) -> list[dict[str, Any]]:
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


def build_sam(checkpoint: str | Path | None = None, *, row: str = "sam-vit-h") -> Predictor:
    """Load a model: an official checkpoint, or the registry's ``row`` where none is named."""
    return load(row if checkpoint is None else checkpoint)


sam_model_registry: dict[str, Callable[..., Predictor]] = {
    "default": build_sam,
    "vit_h": build_sam,
    "vit_l": partial(build_sam, row="sam-vit-l"),
    "vit_b": partial(build_sam, row="sam-vit-b"),
    "vit_t": partial(build_sam, row="mobile-sam"),
}


def _tensor(values: Array | None) -> Tensor:
    try:
        return torch.as_tensor(np.array(values, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise PromptError(f"prompts must be arrays of numbers: {error}") from None

"""``segment_anything.SamPredictor``: set an image once, then ask.

Shape legend: P prompts, N points, M masks, C channels, h w low-resolution grid, H W pixels.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from anymask.compat.modeling.sam import Sam
from anymask.compat.prompt_arguments import Given, array, check_in_frame, join_prompts
from anymask.compat.utils.transforms import ResizeLongestSide, size_hw
from anymask.core.embedding import ImageEmbedding
from anymask.core.image import ImageSource
from anymask.core.prompts import Prompts
from anymask.errors import EmbeddingError, ImageError, PromptError, shown
from anymask.predict.predictor import Predictor

Array = npt.NDArray[Any]
Answer = tuple[Tensor, Tensor, Tensor]


class SamPredictor:
    """Set an image once, then ask.

    sam_model: what ``sam_model_registry`` or ``anymask.load`` gives. Raises ``Error`` for another.
    """

    def __init__(self, sam_model: Sam | Predictor) -> None:
        self.model = sam_model if isinstance(sam_model, Sam) else Sam(sam_model)
        self.transform = ResizeLongestSide(self.model.image_encoder.img_size)
        self.reset_image()

    def __repr__(self) -> str:
        if not self.is_image_set:
            return f"SamPredictor({self.model!r}, no image set)"
        height, width = self.original_size
        return f"SamPredictor({self.model!r}, an image of {height}×{width} (H×W))"

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    def reset_image(self) -> None:
        """Forget the image."""
        self.is_image_set = False
        self.features: Tensor | None = None
        self.original_size = self.input_size = (0, 0)

    def set_image(self, image: ImageSource, image_format: str = "RGB") -> None:
        """Embed an (H, W, 3) uint8 image, ``RGB`` or ``BGR``.

        ``BGR`` is of arrays with colours: of (H, W, 4) the first three change places, and grey has
        no order. Raises ``ImageError`` (``core.image.read_image`` says what can be read), also for
        ``BGR`` of a PIL image or a file, which say themselves what their colours are.
        """
        if not isinstance(image_format, str) or image_format not in ("RGB", "BGR"):
            raise ImageError(f"image_format must be RGB or BGR, not {shown(image_format)}")
        if isinstance(image, Tensor):
            raise ImageError(
                "set_image takes an array (H, W, 3), not a tensor: of one (3, H, W) that is "
                "image.permute(1, 2, 0).cpu().numpy(); set_torch_image takes resized ones"
            )
        if not isinstance(image, (np.ndarray, Image.Image, str, os.PathLike)):
            raise ImageError(f"set_image takes an array (H, W, 3), not a {type(image).__name__}")
        if image_format == "BGR":
            image = _red_first(image)
        self.set_embedding(self.model.encode(image))

    def set_torch_image(
        self, transformed_image: Tensor, original_image_size: tuple[int, ...]
    ) -> None:
        """Embed a (1, 3, H, W) image of 0-255 that ``transform`` has resized."""
        original_size = size_hw(original_image_size)
        self.features = self.model.embed(transformed_image)
        height, width = transformed_image.shape[2:]
        self.original_size, self.input_size = original_size, (height, width)
        self.is_image_set = True

    def set_embedding(self, embedding: ImageEmbedding) -> None:
        """Take an image as embedded before; its encoder does not run again."""
        if not isinstance(embedding, ImageEmbedding):
            raise EmbeddingError(
                f"set_embedding takes an ImageEmbedding, not a {type(embedding).__name__}"
            )
        if embedding.model != self.model.model_id:
            raise EmbeddingError(
                f"the embedding was made by {embedding.model}, not by {self.model.model_id}"
            )
        self.features = self.model.predictor.features(embedding)[None]
        self.original_size = embedding.image_hw
        self.input_size = embedding.resize_map.content_hw
        self.is_image_set = True

    def get_image_embedding(self) -> Tensor:
        """The (1, C, h, w) embedding of the image."""
        return self._features()

    def predict(
        self,
        point_coords: Given = None,
        point_labels: Given = None,
        box: Given = None,
        mask_input: Given = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> tuple[Array, Array, Array]:
        """Segment one object of the image.

        point_coords (N, 2) and point_labels (N,) of 1, 0 or -1; box (4,) XYXY, all in pixels of the
        image; mask_input (1, h, w) low-resolution logits. Raises ``PromptError`` for other shapes,
        for several boxes, masks or sets of points, and for what lies outside the image
        (``Prompts.check_inside``).

        Gives masks (M, H, W), bool or logits; predicted IoUs (M,); low-resolution logits
        (M, h, w); in the order of the mask tokens. M is 3, or 1 without ``multimask_output``.
        """
        self._features()
        prompts = join_prompts(
            _one("point_coords", "(N, 2)", point_coords, 2),
            _one("point_labels", "(N,)", point_labels, 1),
            _one("box", "(4,)", box, 1),
            _one("mask_input", "(1, h, w)", mask_input, 3),
            self.model.predictor.mask_side,
        )
        if prompts is not None:
            prompts.check_inside(self.original_size)
            mapped = self.transform.apply_coords(prompts.points, self.original_size)
            prompts = replace(prompts, points=mapped.astype(np.float32))
        answers = self._answer(prompts, multimask_output, return_logits)
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
    ) -> Answer:
        """Segment P objects of the image; prompts are already in the frame of the model's input.

        point_coords (P, N, 2) and point_labels (P, N); boxes (P, 4); mask_input (P, 1, h, w).
        Gives masks (P, M, H, W), predicted IoUs (P, M), low-resolution logits (P, M, h, w).
        Raises ``PromptError`` as ``predict``; what must not be left is the model's square.
        """
        self._features()
        side = self.model.predictor.mask_side
        prompts = join_prompts(point_coords, point_labels, boxes, mask_input, side)
        check_in_frame(prompts, self.transform.target_length)
        return self._answer(prompts, multimask_output, return_logits)

    def _features(self) -> Tensor:
        if self.features is None:
            raise PromptError("set an image with .set_image(...) first")
        return self.features

    def _answer(
        self, prompts: Prompts | None, multimask_output: bool, return_logits: bool
    ) -> Answer:
        logits, iou = self.model.decode(self._features(), prompts, multimask_output)
        enlarge = self.model.postprocess_masks if return_logits else self.model.threshold_masks
        return enlarge(logits, self.input_size, self.original_size), iou, logits


def _red_first(image: ImageSource) -> Array:
    """A BGR or BGRA array as RGB or RGBA; grey as it is."""
    if not isinstance(image, np.ndarray):
        what = "a PIL image is" if isinstance(image, Image.Image) else "a file is read as"
        raise ImageError(f"{what} RGB; BGR is how OpenCV has its arrays")
    if image.ndim != 3 or image.shape[2] not in (3, 4):
        return image
    return image[..., [2, 1, 0, 3][: image.shape[2]]]


def _one(name: str, shape: str, given: Given, ndim: int) -> Array | None:
    """An argument about one object as that of a batch of one.

    A box may come as (1, 4), and a mask as (h, w), as indexing leaves it.
    """
    if given is None:
        return None
    values = array(name, given)
    if name == "box" and values.ndim == 2 and len(values) == 1:
        values = values[0]
    if name == "mask_input" and values.ndim == 2:
        values = values[None]
    several = values.ndim > ndim or (name == "mask_input" and values.ndim == 3 and len(values) > 1)
    if several:
        raise PromptError(
            f"predict answers one prompt, with {name} {shape}, not {values.shape}; "
            "predict_torch takes several"
        )
    if values.ndim != ndim or (name == "box" and len(values) != 4):
        raise PromptError(f"{name} must be {shape}, not {values.shape}")
    return values[None]

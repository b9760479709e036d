"""The model as the official package shows it.

Shape legend: P prompts, N points, M masks, C channels, h w low-resolution grid, H W pixels of the
image, S side of the model's input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from anymask.compat.modeling.image_encoder import ImageEncoder
from anymask.compat.modeling.mask_decoder import MaskDecoder, answered
from anymask.compat.modeling.prompt_encoder import PromptEncoder
from anymask.compat.prompt_arguments import check_in_frame, join_prompts, to_batch
from anymask.compat.utils.transforms import size_hw
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.image import ImageSource
from anymask.core.logits import MASK_THRESHOLD, upsample_content
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.errors import Error, ImageError, LayoutError, PromptError, shown
from anymask.predict.automatic import AutomaticConfig, Candidate
from anymask.predict.predictor import Predictor, find_device, find_dtype
from anymask.weights.convert import to_checkpoint
from anymask.weights.named_tensors import SAM_ROOTS, choose, named
from anymask.weights.parameter_names import with_batch_norms
from anymask.weights.state_file import sha256_of_tensors

Place = str | int | torch.device | torch.dtype
Decoded = tuple[Tensor, Tensor]
Settings = Mapping[str, float]  # float is a method of the class


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` gives: names that were missing, and names of nothing here."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Sam:
    """``segment_anything.modeling.Sam`` over a ``Predictor``, which answers.

    It is a ``core.protocol.Segmenter``, too: what takes a predictor takes it.
    """

    mask_threshold = MASK_THRESHOLD
    image_format = "RGB"
    training = False

    def __init__(self, predictor: Predictor) -> None:
        if not isinstance(predictor, Predictor):
            what = repr(predictor) if isinstance(predictor, str) else type(predictor).__name__
            raise Error(
                "the official names need a model in PyTorch, as anymask.load or "
                f"sam_model_registry gives it, not {what}"
            )
        self.predictor = predictor
        network = predictor.model
        self.image_encoder = ImageEncoder(network.image_encoder)
        self.prompt_encoder = PromptEncoder(network.prompt_encoder)
        self.mask_decoder = MaskDecoder(network.mask_decoder)

    def __repr__(self) -> str:
        return f"Sam({self.predictor!r})"

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.predictor.device

    @property
    def pixel_mean(self) -> Tensor:
        """(3, 1, 1) what is taken off red, green and blue of 0-255."""
        return self._per_channel(self.predictor.model.config.pixel_mean)

    @property
    def pixel_std(self) -> Tensor:
        """(3, 1, 1) what they are divided by then."""
        return self._per_channel(self.predictor.model.config.pixel_std)

    def to(
        self,
        *places: Place,
        device: str | int | torch.device | None = None,
        dtype: torch.dtype | None = None,
        non_blocking: bool = False,
    ) -> Self:
        """Move the model, in place: ``to("cuda")``, ``to(device="cpu")``, ``to(torch.float16)``.

        Raises ``Error`` for a device that is not here, and for other dtypes than float32, bfloat16
        and float16. An image that is set before has to be set again.
        """
        for place in places:
            if isinstance(place, torch.dtype):
                dtype = place
            else:
                device = place
        now = self.predictor
        place = self.device if device is None else _device(device)
        half_products = dtype is None and now.half_products and place.type == "cpu"
        now.to(place, now.dtype if dtype is None else find_dtype(dtype), half_products)
        return self

    def cpu(self) -> Self:
        """``to("cpu")``."""
        return self.to("cpu")

    def cuda(self, device: int | str | torch.device | None = None) -> Self:
        """``to("cuda")``, or to one of several cards."""
        return self.to("cuda" if device is None else device)

    def half(self) -> Self:
        """``to(torch.float16)``."""
        return self.to(torch.float16)

    def bfloat16(self) -> Self:
        """``to(torch.bfloat16)``."""
        return self.to(torch.bfloat16)

    def float(self) -> Self:
        """``to(torch.float32)``."""
        return self.to(torch.float32)

    def eval(self) -> Self:
        """Itself: it always is in evaluation mode."""
        return self

    def train(self, mode: bool = True) -> Self:
        """Itself for ``train(False)``. Raises ``Error`` otherwise: here a model only answers."""
        if not isinstance(mode, bool) or mode:
            raise Error("a model of anymask.compat only answers; to train one take anymask train")
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Itself for False. Raises ``Error`` otherwise, as ``train``."""
        return self.train(requires_grad)

    def parameters(self) -> Iterator[nn.Parameter]:
        """The network's, which need no gradients."""
        return self.predictor.model.parameters()

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """The same with their names: the official ones."""
        return self.predictor.model.named_parameters()

    def state_dict(self) -> dict[str, Tensor]:
        """The network's tensors by their official names, as ``torch.save`` may have them.

        A TinyViT's batch norms, which are folded here, are there as well, though as norms that only
        add: the model answers alike.
        """
        return with_batch_norms(self.predictor.model.state_dict())

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Take the tensors of a model of the same shape, in any layout that a file may have.

        strict: whether all must be there and no others; else those that are missing stay as they
        are. assign: of no effect; numbers are copied. An image that is set before has to be set
        again: ``model_id`` is another. Gives the missing and the unexpected names. Raises
        ``WeightsError``.
        """
        source = "the state_dict"
        given = choose(state_dict, SAM_ROOTS, source)
        tensors, missing, unexpected = given.tensors, list[str](), list(given.left_out)
        if strict and unexpected:
            raise LayoutError(
                f"{source} has {len(unexpected)} tensors that are none of the model's "
                f"({named(unexpected)}); strict=False passes over them"
            )
        if not strict:
            own, tensors = self.state_dict(), with_batch_norms(tensors)
            missing = [name for name in own if name not in tensors]
            unexpected += [name for name in tensors if name not in own]
            tensors = {name: tensors.get(name, tensor) for name, tensor in own.items()}
        tensors = {name: tensor.clone() for name, tensor in tensors.items()}
        sha256 = sha256_of_tensors(tensors)
        checkpoint = to_checkpoint(tensors, self.predictor.name, sha256, source)
        if not {"pixel_mean", "pixel_std"} & tensors.keys():
            checkpoint = replace(checkpoint, config=self.predictor.model.config)
        checkpoint = replace(checkpoint, everything=self.everything)
        numbers = self.predictor.dtype, self.predictor.half_products
        Sam.__init__(self, Predictor(checkpoint, self.device, *numbers))
        return IncompatibleKeys(missing, unexpected)

    def preprocess(self, x: Tensor) -> Tensor:
        """Normalise (..., 3, H, W) pixels of 0-255, and pad them to (..., 3, S, S)."""
        side = self.image_encoder.img_size
        shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        if isinstance(shape, str) or shape[-3:-2] != (3,) or max(shape[-2:]) > side:
            raise ImageError(f"preprocess takes (..., 3, H, W) of up to {side} pixels, not {shape}")
        return self.predictor.model.preprocess(x.to(self.device))

    def postprocess_masks(
        self, masks: Tensor, input_size: tuple[int, ...], original_size: tuple[int, ...]
    ) -> Tensor:
        """(P, M, h, w) logits to (P, M, H, W) logits of the image, on the model's device.

        input_size: (H, W) of the image in the model's square; original_size: of the image.
        """
        _check_logits(masks)
        full = np.stack([*self._full_size(masks, size_hw(input_size), size_hw(original_size))])
        return self._shaped(full, masks)

    def threshold_masks(
        self, masks: Tensor, input_size: tuple[int, ...], original_size: tuple[int, ...]
    ) -> Tensor:
        """``postprocess_masks(...) > mask_threshold``, without all logits being there at once."""
        _check_logits(masks)
        height, width = size_hw(original_size)
        full = np.empty((masks.shape[0] * masks.shape[1], height, width), bool)
        logits = self._full_size(masks, size_hw(input_size), (height, width))
        for out, upsampled in zip(full, logits):
            np.greater(upsampled, self.mask_threshold, out=out)
        return self._shaped(full, masks)

    def forward(
        self, batched_input: Sequence[Mapping[str, Any]], multimask_output: bool
    ) -> list[dict[str, Tensor]]:
        """Answer prompts about several images, from pixels to masks.

        batched_input: a dict for each image, of ``image`` (3, H, W) of 0-255 already resized,
        ``original_size`` (H, W), and any of ``point_coords`` (P, N, 2) with ``point_labels``
        (P, N), ``boxes`` (P, 4) and ``mask_inputs`` (P, 1, h, w), all in the model's frame.

        Gives a dict for each: ``masks`` (P, M, H, W), ``iou_predictions`` (P, M) and
        ``low_res_logits`` (P, M, h, w). Raises ``Error``.
        """
        if not isinstance(batched_input, (list, tuple)):
            raise Error(f"batched_input is a list of dicts, not a {type(batched_input).__name__}")
        return [self._answer(record, multimask_output) for record in batched_input]

    __call__ = forward

    def embed(self, transformed_image: Tensor) -> Tensor:
        """(1, C, h, w) of a (1, 3, H, W) image of 0-255 whose longest side is S."""
        side = self.image_encoder.img_size
        is_tensor = isinstance(transformed_image, Tensor)
        shape = tuple(transformed_image.shape) if is_tensor else type(transformed_image).__name__
        if isinstance(shape, str) or len(shape) != 4 or shape[:2] != (1, 3):
            raise ImageError(f"a resized image is a tensor (1, 3, H, W), not {shape}")
        if max(shape[2:]) != side or min(shape[2:]) < 1:
            raise ImageError(
                f"a resized image has a longest side of {side}, not {shape[2]}×{shape[3]} (H×W); "
                "ResizeLongestSide does it"
            )
        return self.predictor.embed_pixels(transformed_image).clone()

    def decode(self, features: Tensor, prompts: Prompts | None, multimask_output: bool) -> Decoded:
        """Logits (P, M, h, w) and predicted IoUs (P, M) of prompts in the model's frame.

        They are tensors like others, though computed in inference mode: whoever asked may change
        them in place, and let gradients of their own flow through.
        """
        shares = prompts is None or prompts.masks is None
        image = self.predictor.shared(features) if shares else features
        logits, iou = self.predictor.decode(image, to_batch(prompts, self.device))
        tokens = answered(multimask_output)
        return logits[:, tokens].clone(), iou[:, tokens].clone()

    def _answer(self, record: Mapping[str, Any], multimask_output: bool) -> dict[str, Tensor]:
        if not isinstance(record, Mapping):
            raise Error(f"batched_input is a list of dicts, with {shown(record)} in it")
        missing = [name for name in ("image", "original_size") if name not in record]
        if missing:
            raise Error(
                f"each dict of batched_input needs image and original_size: no {missing[0]}"
            )
        image, original_size = record["image"], size_hw(record["original_size"])
        features = self.embed(image[None] if isinstance(image, Tensor) else image)
        prompts = join_prompts(
            record.get("point_coords"),
            record.get("point_labels"),
            record.get("boxes"),
            record.get("mask_inputs"),
            self.predictor.mask_side,
        )
        input_size = tuple(image.shape[-2:])
        check_in_frame(prompts, self.image_encoder.img_size)
        logits, iou = self.decode(features, prompts, multimask_output)
        masks = self.threshold_masks(logits, input_size, original_size)
        return {"masks": masks, "iou_predictions": iou, "low_res_logits": logits}

    def _full_size(
        self, masks: Tensor, input_hw: tuple[int, int], original_hw: tuple[int, int]
    ) -> Iterator[Floats]:
        """Logits at the size of the image, one map at a time."""
        side = self.image_encoder.img_size
        for low_resolution in masks.detach().float().flatten(0, 1).cpu().numpy():
            yield upsample_content(low_resolution, side, input_hw, original_hw)

    def _shaped(self, full: np.ndarray[Any, Any], masks: Tensor) -> Tensor:
        return torch.unflatten(torch.from_numpy(full), 0, masks.shape[:2]).to(self.device)

    def _per_channel(self, values: tuple[Any, ...]) -> Tensor:
        return torch.tensor(values, device=self.device).view(3, 1, 1)

    @property
    def model_id(self) -> str:
        """As ``Predictor.model_id``."""
        return self.predictor.model_id

    @property
    def everything(self) -> Settings:
        """As ``Predictor.everything``."""
        return self.predictor.everything

    def encode(self, image: ImageSource) -> ImageEmbedding:
        """As ``Predictor.encode``."""
        return self.predictor.encode(image)

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        """As ``Predictor.predict``."""
        return self.predictor.predict(embedding, prompts, multimask_output)

    def candidates(
        self, embedding: ImageEmbedding, points: Floats, config: AutomaticConfig
    ) -> Iterator[Candidate]:
        """As ``Predictor.candidates``."""
        return self.predictor.candidates(embedding, points, config)


def _device(place: Place) -> torch.device:
    """A device as torch names it: a text, the number of a card, or itself."""
    if type(place) is int:
        return find_device(f"cuda:{place}")
    if not isinstance(place, (str, torch.device)) or place == "auto":
        raise Error(f"a device is named cpu, cuda, cuda:0 or mps, not {shown(place)}")
    return find_device(place)


def _check_logits(masks: Tensor) -> None:
    if not isinstance(masks, Tensor) or masks.ndim != 4 or 0 in masks.shape:
        shape = tuple(masks.shape) if isinstance(masks, Tensor) else type(masks).__name__
        raise PromptError(f"masks to enlarge are logits (P, M, h, w), not {shape}")

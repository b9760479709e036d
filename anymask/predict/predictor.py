"""Predictor: weights that are ready to encode images and to answer prompts about them.

It holds no image: ``encode`` gives a value, ``predict`` takes it.

Shape legend: B images, P prompts, N points, M masks, h w low-resolution grid, S side of the
model's input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.image import RGB
from anymask.core.prompts import Prompts
from anymask.errors import Error, shown
from anymask.models.few_rows.positions import INTERFACE, Compiled
from anymask.models.half_products import processor_multiplies_half
from anymask.models.mask_decoder import MaskDecoderConfig, PromptedImage
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from anymask.models.tiny_vit import TinyViT
from anymask.predict.automatic import AutomaticConfig, Candidate
from anymask.predict.device_arrays import DeviceArrays
from anymask.predict.embedding_cache import EmbeddingCache
from anymask.predict.first_look import first_look, look_again
from anymask.predict.point_decoder import PointDecoder
from anymask.predict.promptable import Promptable, PromptArrays
from anymask.predict.threads import each_in_its_thread
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint
from anymask.weights.registry import DEFAULT

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
AUTO, MIXED = "auto", "mixed"
# Rows of the encoder's map that fit a processor's cache, found by trial (benchmarks/latency.py).
TINY_VIT_BAND_ROWS, VIT_BAND_ROWS, DECODER_BAND_POSITIONS = 32, 4, 1024
# Prompts decoded at once: what the caches hold on a processor, what keeps a device busy.
CPU_BATCH, DEVICE_BATCH = 8, 64
IMAGES_AT_ONCE = 8  # encoded at once on a device (benchmarks/gpu/encode.py)
IMAGE_EMBED = "image_embed"

Decoded = tuple[Tensor, Tensor]  # logits (P, 4, h, w) and predicted IoUs (P, 4)


def load(
    weights: str | Path = DEFAULT,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = AUTO,
    offline: bool | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Predictor:
    """Load weights, fetching them first if need be.

    weights: a registry row's name, a folder or a file (``anymask.weights.load``).
    device: ``auto`` takes the first of cuda, mps and cpu that is there.
    dtype: ``float32``; ``bfloat16`` or ``float16``: everything is rounded; ``mixed``: float32, with
        products in bfloat16 where that costs hardly anything in masks (docs/adr/0022); ``auto``:
        mixed on a processor that multiplies those faster, float32 elsewhere.
    offline: forbid the network; None asks ``$ANYMASK_OFFLINE``.
    on_progress: called with the bytes fetched and the bytes in all, file by file.

    Raises ``WeightsError`` or ``Error``.
    """
    place = find_device(device)
    number, half_products = find_numbers(dtype, place)
    checkpoint = load_checkpoint(weights, offline=offline, on_progress=on_progress)
    return Predictor(checkpoint, place, number, half_products)


class Predictor(Promptable):
    """A SAM in PyTorch that answers prompts: a ``core.protocol.Segmenter``."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        half_products: bool = False,
    ) -> None:
        if not isinstance(checkpoint, Checkpoint):
            raise Error(f"a Predictor is made of a Checkpoint, not of {shown(checkpoint)}")
        self.name = checkpoint.name
        self.model_id = checkpoint.model_id
        self.everything = checkpoint.everything
        self.model = _frozen(checkpoint.build_sam())
        encoder, width = self.model.config.encoder, self.model.config.decoder.width
        self.input_px, self.mask_side = encoder.image_px, 4 * encoder.grid
        self.shapes = {IMAGE_EMBED: (width, encoder.grid, encoder.grid)}
        if self.model.config.text is not None:
            self.text_width = self.model.config.text.width
            self.text_space = self.model.config.text.space
        self.looks_twice = True  # where the model can
        self.to(device or torch.device("cpu"), dtype, half_products)

    def to(self, device: torch.device, dtype: torch.dtype, half_products: bool = False) -> Self:
        """Move the weights to a device and a number format, and prepare them for it; in place.

        half_products: multiply in bfloat16 what can be, of float32 numbers on a processor.
        """
        self.device, self.dtype, self.half_products = device, dtype, half_products
        name = next(name for name, known in DTYPES.items() if known == dtype)
        self.dtype_name = MIXED if half_products else name
        _place(self.model, device, dtype, half_products)
        with torch.inference_mode():
            self.positions = self.model.positions()
        self._shared = EmbeddingCache[PromptedImage]()
        return self

    @cached_property
    def at_first_sight(self) -> Predictor:
        """The same with predicted IoUs as they are before a second look at masks."""
        same = copy(self)
        same.looks_twice = False
        return same

    def __repr__(self) -> str:
        return f"Predictor({self.model_id}, {self.dtype_name} on {self.device})"

    def embed(self, pixels: RGB) -> DeviceArrays[Tensor]:
        """One array, ``image_embed`` (C, h, w), left on the device."""
        return _left_there(self.embed_pixels(_image(pixels))[0])

    def embed_each(self, several: Sequence[RGB]) -> Sequence[Mapping[str, Floats]]:
        """``embed`` of each: on a device in batches; on a processor those are slower."""
        if self.device.type == "cpu":
            return super().embed_each(several)
        return self.embed_batches(several)

    def embed_batches(self, several: Sequence[RGB]) -> list[DeviceArrays[Tensor]]:
        """``embed`` of images of any shapes that fit the input, as many at once as are quick."""
        return [
            _left_there(features)
            for first in range(0, len(several), IMAGES_AT_ONCE)
            for features in self._embed_batch(several[first : first + IMAGES_AT_ONCE])
        ]

    def answer(
        self, embeddings: Sequence[ImageEmbedding], prompts: PromptArrays
    ) -> tuple[Floats, Floats]:
        """All four mask tokens; an image asked about alone and without masks is prepared once."""
        batch = self._batch(prompts)
        if len(embeddings) == 1 and batch.mask_inputs is None:
            logits, iou = self.decode(self.shared(embeddings[0]), batch)
        else:
            logits, iou = self.decode(torch.stack([*map(self.features, embeddings)]), batch)
        return logits.cpu().numpy(), iou.cpu().numpy()

    def candidates(
        self, embedding: ImageEmbedding, points: Floats, config: AutomaticConfig
    ) -> Iterator[Candidate]:
        """The masks of mask tokens 1 to 3 above a predicted IoU, for each of (N, 2) points alone.

        Their scores are known before any mask is upscaled: the others cost no upscaling. With
        ``config.fast`` a first look (``predict.first_look``) chooses the points.
        """
        prompts = Prompts.of_points(np.asarray(points)[:, None])
        self.check(embedding, prompts)
        with torch.inference_mode():
            decoder = PointDecoder(
                self.model.mask_decoder,
                self.shared(embedding),
                self.positions,
                self.model.prompt_encoder(self._batch(self.collate([embedding], [prompts]))),
                points,
                embedding.resize_map,
            )
        on_cpu = self.device.type == "cpu"
        each = each_in_its_thread if on_cpu else map
        step = CPU_BATCH if on_cpu else DEVICE_BATCH
        if config.fast:
            look = first_look(decoder, config, each)
            yield from look.sure
            yield from look_again(decoder, look, config, each, step)
            return
        rows = range(len(points))
        batches = [rows[i : i + step] for i in range(0, len(rows), step)]
        for candidates in each(lambda batch: decoder.exact(batch, config), batches):
            yield from candidates

    def features(self, embedding: ImageEmbedding) -> Tensor:
        """An embedding's array (C, h, w) on this device, from wherever it is."""
        arrays = embedding.arrays
        if isinstance(arrays, DeviceArrays):
            on_device = arrays.on_device[IMAGE_EMBED]
            if isinstance(on_device, Tensor):
                return on_device.to(self.device)
        return torch.from_numpy(arrays[IMAGE_EMBED]).to(self.device)

    def shared(self, image: ImageEmbedding | Tensor) -> PromptedImage:
        """``share`` of an embedding, or of features (1, C, h, w), kept for a few images."""

        def share() -> PromptedImage:
            return self.share(image if isinstance(image, Tensor) else self.features(image)[None])

        return self._shared.get(image, share)

    def share(self, features: Tensor) -> PromptedImage:
        """Prepare one image's embedding (1, C, h, w) for many prompts without masks."""
        with torch.inference_mode():
            no_mask = self.model.prompt_encoder.no_mask_embed.weight[:, :, None, None]
            features = features.to(self.device, self.dtype)
            return self.model.mask_decoder.share(features, no_mask, self.positions)

    def decode(self, features: Tensor | PromptedImage, prompts: PromptBatch) -> Decoded:
        """All mask tokens' logits (P, 4, h, w) and predicted IoUs (P, 4), unranked, as float32.

        features: (B, C, h, w) embeddings, or what ``share`` made of one, for prompts without masks;
        prompts as the model takes them.
        """
        with torch.inference_mode():
            decoder, embedded = self.model.mask_decoder, self.model.prompt_encoder(prompts)
            if not self.looks_twice or not embedded.lone.any():
                embedded = replace(embedded, lone=None)
            if isinstance(features, Tensor):
                features = features.to(self.device, self.dtype)
                logits, iou = decoder(features, prompts.image_index, embedded, self.positions)
            else:
                tokens, image = decoder.attend(features, embedded, self.positions)
                logits = decoder.masks(tokens, image)
                iou = decoder.second_look(tokens, logits[:, 1:], features.seen, embedded.lone)
            return logits.float(), iou.float()

    def embed_pixels(self, pixels: Tensor) -> Tensor:
        """Embed (B, 3, H, W) RGB of 0-255 already resized to the model's input: (B, C, h, w)."""
        with torch.inference_mode():
            images = self.model.preprocess(pixels.to(self.device)).to(self.dtype)
            features: Tensor = self.model.image_encoder(images)
            return features.float()

    def _embed_batch(self, several: Sequence[RGB]) -> list[Tensor]:
        """(C, h, w) of each image; where memory does not last for all, in two halves."""
        try:
            with torch.inference_mode():
                squares = [self.model.preprocess(_image(rgb).to(self.device)) for rgb in several]
                features: Tensor = self.model.image_encoder(torch.cat(squares).to(self.dtype))
                return list(features.float())
        except torch.OutOfMemoryError:
            if len(several) == 1:
                raise
        half = len(several) // 2  # only here has the failed attempt let go of its memory
        return [*self._embed_batch(several[:half]), *self._embed_batch(several[half:])]

    def _batch(self, prompts: PromptArrays) -> PromptBatch:
        """The same prompts as tensors on the device."""

        def tensor(array: npt.NDArray[Any]) -> Tensor:
            return torch.from_numpy(array).to(self.device)

        def some(array: npt.NDArray[Any] | None) -> Tensor | None:
            return None if array is None else tensor(array)

        return PromptBatch(
            point_coords=tensor(prompts.point_coords),
            point_labels=tensor(prompts.point_labels),
            image_index=tensor(prompts.image_index),
            mask_inputs=some(prompts.mask_inputs),
            has_mask=some(prompts.has_mask),
            text_embeddings=some(prompts.text_embeddings),
            has_text=some(prompts.has_text),
        )


def find_device(name: str | torch.device) -> torch.device:
    """``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``. Raises ``Error`` for an absent one."""
    if not isinstance(name, (str, torch.device)):
        raise Error(f"a device is named by a text, such as cpu or cuda:0, not by {shown(name)}")
    name = str(name)
    mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    kind, _, number = name.partition(":")
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    there = {"cpu": number == "", "mps": mps and number == ""}
    if kind == "cuda":
        there["cuda"] = cards > 0 if not number else number.isdigit() and int(number) < cards
    if kind not in ("cpu", "cuda", "mps"):
        raise Error(f"there is no device {name!r}: take auto, cpu, cuda or mps")
    if not there[kind]:
        raise Error(f"the device {name} is not available here; take --device cpu")
    return torch.device(name)


def find_numbers(name: str | torch.dtype, device: torch.device) -> tuple[torch.dtype, bool]:
    """The number format of a name, and whether products are in bfloat16 in spite of it.

    Raises ``Error`` for an unknown name, and for ``mixed`` elsewhere than on a processor.
    """
    on_cpu = device.type == "cpu"
    if name == AUTO:
        return torch.float32, on_cpu and processor_multiplies_half()
    if name == MIXED:
        if not on_cpu:
            raise Error(f"{MIXED} numbers are for processors: take --dtype bfloat16 on {device}")
        return torch.float32, True
    return find_dtype(name), False


def find_dtype(name: str | torch.dtype) -> torch.dtype:
    """The number format of a name. Raises ``Error`` for an unknown one."""
    name = str(name).removeprefix("torch.")
    if name not in DTYPES:
        known = ", ".join([AUTO, MIXED, *DTYPES])
        raise Error(f"there is no dtype {shown(name)}: take one of {known}")
    return DTYPES[name]


def _image(pixels: RGB) -> Tensor:
    """(H, W, 3) to (1, 3, H, W)."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def _left_there(features: Tensor) -> DeviceArrays[Tensor]:
    """Features (C, h, w) as the arrays of an embedding.

    A copy: of a batch it keeps no more than its own image, and gradients may flow through it.
    """
    own = features.clone(memory_format=torch.contiguous_format)
    return DeviceArrays({IMAGE_EMBED: own}, _to_numpy)


def _to_numpy(tensor: Tensor) -> Floats:
    return np.asarray(tensor.cpu().numpy(), np.float32)


def _frozen(model: Sam) -> Sam:
    """A model for inference alone: its parameters are fixed, its batch norms folded."""
    model.requires_grad_(False)
    if isinstance(model.image_encoder, TinyViT):
        model.image_encoder.fold_batch_norms()
        model.image_encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def _compiled_loops(config: MaskDecoderConfig) -> Compiled | None:
    """Few rows by ``anymask-native``, where that is installed and fits this processor."""
    try:
        import anymask_native
    except ImportError:
        return None
    if anymask_native.INTERFACE != INTERFACE:  # of another version of anymask
        return None
    width = config.width // 2 // config.heads
    return anymask_native.loops(config.heads, width)


def _place(model: Sam, device: torch.device, dtype: torch.dtype, half_products: bool) -> None:
    """Move a frozen model, and give it the form that is fastest there."""
    encoder, decoder = model.image_encoder, model.mask_decoder
    on_cpu = device.type == "cpu"
    vit_rows = TINY_VIT_BAND_ROWS if isinstance(encoder, TinyViT) else VIT_BAND_ROWS
    encoder.band_rows = vit_rows if on_cpu else 0
    decoder.band_positions = DECODER_BAND_POSITIONS if on_cpu else 0
    fused = on_cpu and dtype == torch.float32
    decoder.fuse_activations(fused)
    decoder.few_rows = fused
    decoder.compiled = _compiled_loops(decoder.config) if fused else None
    if isinstance(encoder, TinyViT):
        encoder.fuse_activations(fused)
    positions = model.prompt_encoder.pe_layer
    frequencies = positions.positional_encoding_gaussian_matrix.float()
    model.to(device, dtype)
    decoder.round_products(half_products)
    if isinstance(encoder, TinyViT):
        encoder.round_products(half_products)
    # They don't survive half precision.
    positions.positional_encoding_gaussian_matrix = frequencies.to(device)

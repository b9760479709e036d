"""Predictor: weights that are ready to encode images and to answer prompts about them.

It holds no image: ``encode`` gives a value, ``predict`` takes it.

Shape legend: B images, P prompts, N points, M masks, h w low-resolution grid, S side of the
model's input.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, ResizeMap
from anymask.core.image import RGB, ImageSource, read_image
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.errors import EmbeddingError, Error, PromptError
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from anymask.models.tiny_vit import TinyViT
from anymask.models.two_way import SharedImage
from anymask.predict.asked import Asked
from anymask.predict.automatic import AutomaticConfig, Candidate
from anymask.predict.fovea import first_look
from anymask.predict.threads import each_in_its_thread
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint
from anymask.weights.registry import DEFAULT

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# Rows of the encoder's map that fit a processor's cache, found by trial (benchmarks/latency.py).
TINY_VIT_BAND_ROWS, VIT_BAND_ROWS, DECODER_BAND_POSITIONS = 32, 4, 1024
# Prompts decoded at once: what the caches hold on a processor, what keeps a device busy.
CPU_BATCH, DEVICE_BATCH = 2, 64
IMAGE_EMBED = "image_embed"

Decoded = tuple[Tensor, Tensor]  # logits (P, 4, h, w) and predicted IoUs (P, 4)
LastShared = tuple[weakref.ref[ImageEmbedding] | None, SharedImage | None]


def load(
    weights: str | Path = DEFAULT,
    *,
    device: str = "auto",
    dtype: str = "float32",
    offline: bool | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Predictor:
    """Load weights, fetching them first if need be.

    weights: a registry row's name, a folder or a file (``anymask.weights.load``).
    device: ``auto`` takes the first of cuda, mps and cpu that is there.
    dtype: ``float32``, ``bfloat16`` or ``float16``.
    offline: forbid the network; None asks ``$ANYMASK_OFFLINE``.
    on_progress: called with the bytes fetched and the bytes in all, file by file.

    Raises ``WeightsError`` or ``Error``.
    """
    place, number = find_device(device), find_dtype(dtype)
    checkpoint = load_checkpoint(weights, offline=offline, on_progress=on_progress)
    return Predictor(checkpoint, place, number)


class Predictor:
    """A SAM that answers prompts: a ``core.protocol.Segmenter``."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.name = checkpoint.name
        self.model_id = checkpoint.model_id
        self.device = device or torch.device("cpu")
        self.dtype = dtype
        self.model = _prepared(checkpoint.build(), self.device, dtype)
        with torch.inference_mode():
            self.positions = self.model.positions()
        self._last_shared: LastShared = (None, None)

    @property
    def input_px(self) -> int:
        """Side S of the model's input."""
        return self.model.config.encoder.image_px

    @property
    def grid(self) -> int:
        """Side of the embedding, in cells."""
        return self.model.config.encoder.grid

    @property
    def mask_side(self) -> int:
        """Side of the mask logits, in answers and in prompts."""
        return 4 * self.grid

    @overload
    def encode(self, image: ImageSource) -> ImageEmbedding: ...  # type: ignore[overload-overlap]
    @overload
    def encode(self, image: Sequence[ImageSource]) -> list[ImageEmbedding]: ...
    def encode(
        self, image: ImageSource | Sequence[ImageSource]
    ) -> ImageEmbedding | list[ImageEmbedding]:
        """Embed one image, or several at once: a path, a PIL image or an RGB array each.

        Raises ``ImageError`` (``core.image.read_image`` says what can be read).
        """
        if isinstance(image, (list, tuple)):
            return self._encode([read_image(one) for one in image])
        return self._encode([read_image(image)])[0]  # type: ignore[arg-type]

    @overload
    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks: ...
    @overload
    def predict(
        self,
        embedding: Sequence[ImageEmbedding],
        prompts: Sequence[Prompts],
        multimask_output: bool | None = None,
    ) -> list[Masks]: ...
    def predict(
        self,
        embedding: ImageEmbedding | Sequence[ImageEmbedding],
        prompts: Prompts | Sequence[Prompts],
        multimask_output: bool | None = None,
    ) -> Masks | list[Masks]:
        """Answer the prompts about one image, or about several in one pass.

        multimask_output: three masks a prompt, best first by predicted IoU (True); one (False);
            or, as trained (None): three for a prompt of a single point, which may mean several
            things, and for others the mask that is made for clear prompts. Where both kinds stand
            together all get three, and a clear prompt's own mask comes first.

        Raises ``PromptError`` for prompts that don't fit the image or the model and
        ``EmbeddingError`` for an embedding that other weights made.
        """
        if isinstance(embedding, ImageEmbedding):
            if not isinstance(prompts, Prompts):
                raise PromptError("one image takes one Prompts; join several with Prompts.join")
            return self._predict([embedding], [prompts], multimask_output)[0]
        if not isinstance(prompts, (list, tuple)) or len(prompts) != len(embedding):
            raise PromptError(f"{len(embedding)} images need as many Prompts, in a list")
        if not all(isinstance(asked, Prompts) for asked in prompts):
            raise PromptError("prompts must be Prompts, one for each image")
        return self._predict(list(embedding), list(prompts), multimask_output)

    def candidates(
        self, embedding: ImageEmbedding, points: Floats, config: AutomaticConfig
    ) -> Iterator[Candidate]:
        """The masks of mask tokens 1 to 3 above a predicted IoU, for each of (N, 2) points alone.

        Their scores are known before any mask is upscaled: the others cost no upscaling. With
        ``config.fast`` a first look (``predict.fovea``) chooses the points.
        """
        prompts = Prompts.of_points(np.asarray(points)[:, None])
        self._check(embedding, prompts)
        with torch.inference_mode():
            asked = Asked(
                self.model.mask_decoder,
                self._shared(embedding),
                self.positions,
                self.model.prompt_encoder(self._collate([embedding], [prompts])),
                points,
                embedding.resize_map,
            )
        on_cpu = self.device.type == "cpu"
        each = each_in_its_thread if on_cpu else map
        rows: Sequence[int] = range(len(points))
        if config.fast:
            seen = first_look(asked, config, each)
            yield from seen.sure
            rows = seen.again
        step = CPU_BATCH if on_cpu else DEVICE_BATCH
        batches = [rows[i : i + step] for i in range(0, len(rows), step)]
        for found in each(lambda batch: asked.exact(batch, config), batches):
            yield from found

    def _shared(self, embedding: ImageEmbedding) -> SharedImage:
        """``share`` of an embedding, kept for the image asked about last: people click on."""
        known, shared = self._last_shared
        if known is None or known() is not embedding or shared is None:
            shared = self.share(torch.from_numpy(embedding.arrays[IMAGE_EMBED])[None])
            self._last_shared = weakref.ref(embedding), shared
        return shared

    def share(self, features: Tensor) -> SharedImage:
        """Prepare one image's embedding (1, C, h, w) for many prompts without masks."""
        with torch.inference_mode():
            no_mask = self.model.prompt_encoder.no_mask_embed.weight[:, :, None, None]
            features = features.to(self.device, self.dtype)
            return self.model.mask_decoder.share(features, no_mask, self.positions)

    def decode(self, features: Tensor | SharedImage, prompts: PromptBatch) -> Decoded:
        """All mask tokens' logits (P, 4, h, w) and predicted IoUs (P, 4), unranked, as float32.

        features: (B, C, h, w) embeddings, or what ``share`` made of one, for prompts without masks;
        prompts as the model takes them.
        """
        with torch.inference_mode():
            if isinstance(features, SharedImage):
                decoder, embedded = self.model.mask_decoder, self.model.prompt_encoder(prompts)
                tokens, image = decoder.attend(features, embedded, self.positions)
                return decoder.masks(tokens, image).float(), decoder.predicted_iou(tokens).float()
            features = features.to(self.device, self.dtype)
            logits, iou = self.model.decode(features, prompts, self.positions)
            return logits.float(), iou.float()

    def embed_pixels(self, pixels: Tensor) -> Tensor:
        """Embed (B, 3, H, W) RGB of 0-255 already resized to the model's input: (B, C, h, w)."""
        with torch.inference_mode():
            images = self.model.preprocess(pixels.to(self.device)).to(self.dtype)
            features: Tensor = self.model.image_encoder(images)
            return features.float()

    def _encode(self, images: list[RGB]) -> list[ImageEmbedding]:
        embeddings = []
        for rgb in images:  # one by one: they differ in size, and a batch gains a CPU nothing
            pixels = torch.from_numpy(resize(rgb, self.input_px)).permute(2, 0, 1)[None]
            array = self.embed_pixels(pixels)[0].cpu().contiguous().numpy()
            height, width = rgb.shape[:2]
            embeddings.append(
                ImageEmbedding({IMAGE_EMBED: array}, (height, width), self.input_px, self.model_id)
            )
        return embeddings

    def _predict(
        self,
        embeddings: list[ImageEmbedding],
        prompts: list[Prompts],
        multimask_output: bool | None,
    ) -> list[Masks]:
        if not embeddings:
            return []
        for embedding, asked in zip(embeddings, prompts):
            self._check(embedding, asked)
        batch = self._collate(embeddings, prompts)
        if len(embeddings) == 1 and batch.mask_inputs is None:
            logits, iou = self.decode(self._shared(embeddings[0]), batch)
        else:
            arrays = [torch.from_numpy(e.arrays[IMAGE_EMBED]) for e in embeddings]
            logits, iou = self.decode(torch.stack(arrays), batch)
        answers, first = [], 0
        for embedding, asked in zip(embeddings, prompts):
            rows = slice(first, first := first + len(asked))
            order = rank(iou[rows].cpu().numpy(), asked.ambiguous(), multimask_output)
            answers.append(self._masks(embedding, logits[rows], iou[rows], order))
        return answers

    def _masks(
        self, embedding: ImageEmbedding, logits: Tensor, iou: Tensor, order: npt.NDArray[np.intp]
    ) -> Masks:
        index = torch.from_numpy(order).to(logits.device)
        rows = torch.arange(len(index), device=logits.device)[:, None]
        return Masks(
            logits[rows, index].cpu().numpy(),
            iou[rows, index].cpu().numpy(),
            embedding.image_hw,
            embedding.input_px,
        )

    def _check(self, embedding: ImageEmbedding, prompts: Prompts) -> None:
        if embedding.model != self.model_id:
            raise EmbeddingError(
                f"the embedding was made by {embedding.model} and can't be read by {self.model_id}"
            )
        array = embedding.arrays.get(IMAGE_EMBED)
        if array is None or array.shape != (self.model.config.decoder.width, self.grid, self.grid):
            raise EmbeddingError(f"the embedding holds no {IMAGE_EMBED} of the model's size")
        if prompts.texts is not None:
            raise PromptError(f"{self.name} takes points, boxes and masks, but no words")
        side = self.mask_side
        if prompts.masks is not None and prompts.masks.shape[1:] != (side, side):
            raise PromptError(
                f"masks must be low-resolution logits ({len(prompts)}, {side}, {side}), as an "
                f"earlier answer has them, not {prompts.masks.shape}"
            )
        prompts.check_inside(embedding.image_hw)

    def _collate(self, embeddings: list[ImageEmbedding], prompts: list[Prompts]) -> PromptBatch:
        """Pad the prompts of all images to one length and move them to the device."""
        longest = max(asked.labels.shape[1] for asked in prompts)
        coords = [
            embedding.resize_map.to_input(asked.padded(longest).points)
            for embedding, asked in zip(embeddings, prompts)
        ]
        counts = torch.tensor([len(asked) for asked in prompts])
        masks, has_mask = _mask_inputs(prompts, self.mask_side)
        return PromptBatch(
            point_coords=torch.from_numpy(np.concatenate(coords)).to(self.device),
            point_labels=torch.from_numpy(
                np.concatenate([asked.padded(longest).labels for asked in prompts])
            ).to(self.device),
            image_index=torch.arange(len(prompts)).repeat_interleave(counts).to(self.device),
            mask_inputs=None if masks is None else masks.to(self.device),
            has_mask=None if has_mask is None else has_mask.to(self.device),
        )


def find_device(name: str) -> torch.device:
    """``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``. Raises ``Error`` for an absent one."""
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


def find_dtype(name: str) -> torch.dtype:
    """The number format of a name. Raises ``Error`` for an unknown one."""
    if name not in DTYPES:
        raise Error(f"there is no dtype {name!r}: take one of {', '.join(DTYPES)}")
    return DTYPES[name]


def resize(rgb: RGB, input_px: int) -> RGB:
    """(H, W, 3) pixels so that the longer side is ``input_px``, filtered as officially."""
    height, width = ResizeMap((rgb.shape[0], rgb.shape[1]), input_px).content_hw
    small = Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR)
    return np.array(small)


def rank(
    predicted_iou: npt.NDArray[np.float32],
    ambiguous: npt.NDArray[np.bool_],
    multimask_output: bool | None,
) -> npt.NDArray[np.intp]:
    """Which mask tokens to answer with, best first: (P, 4) IoUs to (P, 1) or (P, 3) tokens.

    Token 0 belongs to clear prompts, the others to ambiguous ones. Equal IoUs keep their order.
    """
    by_iou = 1 + np.argsort(-predicted_iou[:, 1:], axis=1, kind="stable")
    single = np.zeros((len(by_iou), 1), dtype=by_iou.dtype)
    if multimask_output is None and ambiguous.any():
        clear = np.concatenate([single, by_iou[:, :-1]], axis=1)
        return np.where(ambiguous[:, None], by_iou, clear)
    return by_iou if multimask_output else single


def _mask_inputs(prompts: list[Prompts], side: int) -> tuple[Tensor | None, Tensor | None]:
    """(P, 1, h, w) masks, zeros where a prompt has none, and which prompts have one."""
    if all(asked.masks is None for asked in prompts):
        return None, None
    rows = [
        np.zeros((len(asked), side, side), np.float32) if asked.masks is None else asked.masks
        for asked in prompts
    ]
    has = [np.full(len(asked), asked.masks is not None) for asked in prompts]
    return torch.from_numpy(np.concatenate(rows))[:, None], torch.from_numpy(np.concatenate(has))


def _prepared(model: Sam, device: torch.device, dtype: torch.dtype) -> Sam:
    """Freeze a model for inference, in the form that is fastest on the device."""
    model.requires_grad_(False)
    encoder = model.image_encoder
    if isinstance(encoder, TinyViT):
        encoder.fold_batch_norms()
        encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if device.type == "cpu" and dtype == torch.float32:
            encoder.fuse_activations()
    if device.type == "cpu":
        encoder.band_rows = TINY_VIT_BAND_ROWS if isinstance(encoder, TinyViT) else VIT_BAND_ROWS
        model.mask_decoder.band_positions = DECODER_BAND_POSITIONS
        if dtype == torch.float32:
            model.mask_decoder.fuse_activations()
    model.to(device, dtype)
    model.prompt_encoder.pe_layer.float()  # frequencies don't survive half precision
    return model

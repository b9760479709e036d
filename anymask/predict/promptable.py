"""What all segmenters of ours do alike, whatever computes: read images, check and batch prompts,
choose among the answers. No deep-learning library is imported here.

Shape legend: B images, P prompts, N points, M masks, T mask tokens, h w low-resolution grid,
d numbers of a text's embedding.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import overload

import numpy as np
import numpy.typing as npt

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, ResizeMap
from anymask.core.image import RGB, ImageSource, read_image, resize
from anymask.core.masks import Masks
from anymask.core.prompts import OBJECT, PADDING, Prompts
from anymask.errors import EmbeddingError, NoTextError, PromptError, shown
from anymask.predict.device_arrays import shapes


@dataclass(frozen=True)
class PromptArrays:
    """P prompts over B images as a model takes them, padded to one length.

    point_coords: (P, N, 2) XY in pixels of the model's input; point_labels: (P, N) int64.
    image_index: (P,) the image that each prompt is about.
    mask_inputs: (P, 1, h, w) logits, zeros where a prompt has none; None where no prompt has.
    has_mask: (P,) which rows of ``mask_inputs`` count; None where no prompt has a mask.
    text_embeddings: (P, d), zeros where a prompt has none; None where no prompt has.
    has_text: (P,) which rows of ``text_embeddings`` count; None where no prompt has text.
    """

    point_coords: Floats
    point_labels: npt.NDArray[np.int64]
    image_index: npt.NDArray[np.int64]
    mask_inputs: Floats | None
    has_mask: npt.NDArray[np.bool_] | None
    text_embeddings: Floats | None = None
    has_text: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.point_labels)

    def lone_clicks(self) -> npt.NDArray[np.bool_]:
        """(P,) which are one object point and nothing else."""
        labels = self.point_labels
        alone = ((labels == OBJECT).sum(1) == 1) & ((labels != PADDING).sum(1) == 1)
        for has in (self.has_mask, self.has_text):
            if has is not None:
                alone &= ~has
        return np.asarray(alone)


class Promptable(ABC):
    """A ``core.protocol.Segmenter`` over some model; ``embed`` and ``answer`` are the model.

    name: for messages. model_id: whose embeddings it reads. dtype_name: what it computes with.
    input_px: side of the model's square input, into which images are padded, or stretched
    (``stretch``). mask_side: side of mask logits, in answers and prompts. shapes: of the arrays
    of an embedding. everything: settings of everything-mode that suit the model, if its training
    found some. text_width, text_space: of embeddings of text that are prompts (0: none are), and
    which encoder they are of.
    """

    name: str
    model_id: str
    dtype_name: str
    input_px: int
    mask_side: int
    shapes: Mapping[str, tuple[int, ...]]
    stretch: bool = False
    everything: Mapping[str, float] = MappingProxyType({})
    text_width: int = 0
    text_space: str = ""

    @property
    def kept_as(self) -> str:
        """What embeddings are kept under: whose they are, with its numbers if not float32."""
        numbers = "" if self.dtype_name == "float32" else f" in {self.dtype_name}"
        return f"{self.model_id}{numbers}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model_id}, {self.dtype_name})"

    @abstractmethod
    def embed(self, pixels: RGB) -> Mapping[str, Floats]:
        """The arrays of an embedding, of an image that ``resize`` has made to fit the input."""

    def embed_each(self, several: Sequence[RGB]) -> Sequence[Mapping[str, Floats]]:
        """``embed`` of each of several images; a model may take them together."""
        return [self.embed(pixels) for pixels in several]

    @abstractmethod
    def answer(
        self, embeddings: Sequence[ImageEmbedding], prompts: PromptArrays
    ) -> tuple[Floats, Floats]:
        """The logits (P, T, h, w) and predicted IoUs (P, T) of all mask tokens (see ``rank``)."""

    @overload
    def encode(self, image: ImageSource) -> ImageEmbedding: ...  # type: ignore[overload-overlap]
    @overload
    def encode(self, image: Sequence[ImageSource]) -> list[ImageEmbedding]: ...
    def encode(
        self, image: ImageSource | Sequence[ImageSource]
    ) -> ImageEmbedding | list[ImageEmbedding]:
        """Embed one image, or several: a path, a PIL image or an RGB array each.

        Several go through a device together; on a processor, one by one is as fast. What a device
        computed stays there until somebody reads ``arrays``, or needs bytes.

        Raises ``ImageError`` (``core.image.read_image`` says what can be read).
        """
        if isinstance(image, (list, tuple)):
            return self._encode([read_image(source) for source in image])
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
        prompts: Prompts | Sequence[Prompts] | None = None,
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
                raise PromptError(_no_prompts(prompts))
            return self._predict([embedding], [prompts], multimask_output)[0]
        if not isinstance(embedding, (list, tuple)):
            raise EmbeddingError(_no_embedding(embedding))
        for about_one in embedding:
            if not isinstance(about_one, ImageEmbedding):
                raise EmbeddingError(_no_embedding(about_one))
        if not isinstance(prompts, (list, tuple)) or len(prompts) != len(embedding):
            raise PromptError(f"{len(embedding)} images need as many Prompts, in a list")
        if not all(isinstance(about_one, Prompts) for about_one in prompts):
            raise PromptError("prompts must be Prompts, one for each image")
        return self._predict(list(embedding), list(prompts), multimask_output)

    def check(self, embedding: ImageEmbedding, prompts: Prompts) -> None:
        """Raise ``EmbeddingError`` or ``PromptError`` unless the model can read both."""
        if embedding.model != self.model_id:
            raise EmbeddingError(
                f"the embedding was made by {embedding.model} and can't be read by {self.model_id}"
            )
        given = shapes(embedding.arrays)
        for name, shape in self.shapes.items():
            if given.get(name) != shape:
                raise EmbeddingError(f"the embedding holds no {name} of the model's size {shape}")
        if prompts.texts is not None:
            raise PromptError(f"{self.name} takes points, boxes and masks, but no words")
        self._check_text(prompts)
        side = self.mask_side
        if prompts.masks is not None and prompts.masks.shape[1:] != (side, side):
            raise PromptError(
                f"masks must be low-resolution logits ({len(prompts)}, {side}, {side}), as an "
                f"earlier answer has them, not {prompts.masks.shape}"
            )
        prompts.check_inside(embedding.image_hw)

    def collate(
        self, embeddings: Sequence[ImageEmbedding], prompts: Sequence[Prompts]
    ) -> PromptArrays:
        """The prompts about each of B images, padded to one length."""
        longest = max(about_one.labels.shape[1] for about_one in prompts)
        padded = [about_one.padded(longest) for about_one in prompts]
        coords = [
            embedding.resize_map.to_input(about_one.points)
            for embedding, about_one in zip(embeddings, padded)
        ]
        masks, has_mask = _mask_inputs(prompts, self.mask_side)
        text, has_text = _text_embeddings(prompts, self.text_width)
        return PromptArrays(
            point_coords=np.concatenate(coords),
            point_labels=np.concatenate([about_one.labels for about_one in padded]),
            image_index=np.repeat(np.arange(len(prompts)), list(map(len, prompts))),
            mask_inputs=masks,
            has_mask=has_mask,
            text_embeddings=text,
            has_text=has_text,
        )

    def _check_text(self, prompts: Prompts) -> None:
        if prompts.text_embeddings is None:
            return
        if not self.text_width:
            raise NoTextError(
                f"{self.name} has not learned to read text: train it with "
                "`anymask train text_prompts`, or give points, boxes and masks"
            )
        width = prompts.text_embeddings.shape[1]
        if width != self.text_width:
            raise PromptError(
                f"{self.name} reads text embeddings of {self.text_width} numbers"
                f"{f', of {self.text_space}' if self.text_space else ''}, not of {width}"
            )

    def _encode(self, images: list[RGB]) -> list[ImageEmbedding]:
        sizes = [(rgb.shape[0], rgb.shape[1]) for rgb in images]
        maps = [ResizeMap(image_hw, self.input_px, self.stretch) for image_hw in sizes]
        resized = [resize(rgb, resize_map) for rgb, resize_map in zip(images, maps)]
        return [
            ImageEmbedding(arrays, resize_map, self.model_id)
            for arrays, resize_map in zip(self.embed_each(resized), maps)
        ]

    def _predict(
        self,
        embeddings: list[ImageEmbedding],
        prompts: list[Prompts],
        multimask_output: bool | None,
    ) -> list[Masks]:
        if multimask_output is not None and not isinstance(multimask_output, (bool, np.bool_)):
            raise PromptError(
                f"multimask_output is True, False or None, not {shown(multimask_output)}"
            )
        if not embeddings:
            return []
        for embedding, about_one in zip(embeddings, prompts):
            self.check(embedding, about_one)
        logits, iou = self.answer(embeddings, self.collate(embeddings, prompts))
        answers, first = [], 0
        for embedding, about_one in zip(embeddings, prompts):
            order = rank(
                iou[first : first + len(about_one)], about_one.ambiguous(), multimask_output
            )
            rows = first + np.arange(len(about_one))[:, None]
            answers.append(Masks(logits[rows, order], iou[rows, order], embedding.resize_map))
            first += len(about_one)
        return answers


def _no_embedding(given: object) -> str:
    """What to do instead of asking about what is no embedding."""
    what = repr(given) if isinstance(given, (str, os.PathLike)) else f"a {type(given).__name__}"
    return f"predict takes an embedding, not {what}: encode the image first, with .encode(image)"


def _no_prompts(given: object) -> str:
    """What to do instead of asking with what are no prompts."""
    if given is None:
        return "predict needs prompts, too: what to segment, such as anymask.Prompts.point(x, y)"
    if isinstance(given, (list, tuple)) and any(isinstance(one, Prompts) for one in given):
        return "one image takes one Prompts; join several with Prompts.join"
    return (
        f"prompts must be Prompts, not a {type(given).__name__}: take anymask.Prompts.point(x, y), "
        "Prompts.of_points or Prompts.of_boxes"
    )


def rank(
    predicted_iou: Floats, ambiguous: npt.NDArray[np.bool_], multimask_output: bool | None
) -> npt.NDArray[np.intp]:
    """Which mask tokens to answer with, best first: (P, T) IoUs to (P, 1) or (P, 3) tokens.

    Of four tokens number 0 belongs to clear prompts, the others to ambiguous ones. A model of three
    has none for clear prompts: the best of the three stands in. Equal IoUs keep their order.
    Raises ``PromptError`` if three masks are wanted of a model that gives one.
    """
    tokens = predicted_iou.shape[1]
    first = 0 if tokens == 3 else 1
    if tokens == 1:
        if multimask_output:
            raise PromptError("this model was exported to give one mask a prompt, not three")
        return np.zeros(predicted_iou.shape, np.intp)
    by_iou = first + np.argsort(-predicted_iou[:, first:], axis=1, kind="stable")
    single = np.zeros((len(by_iou), 1), np.intp) if first else by_iou[:, :1]
    if multimask_output is None and ambiguous.any():
        clear = np.concatenate([single, by_iou[:, :-1]], axis=1) if first else by_iou
        return np.where(ambiguous[:, None], by_iou, clear)
    return by_iou if multimask_output else single


def _mask_inputs(
    prompts: Sequence[Prompts], side: int
) -> tuple[Floats | None, npt.NDArray[np.bool_] | None]:
    """(P, 1, h, w) masks, zeros where a prompt has none, and which prompts have one."""
    if all(about_one.masks is None for about_one in prompts):
        return None, None
    rows = [
        np.zeros((len(about_one), side, side), np.float32)
        if about_one.masks is None
        else about_one.masks
        for about_one in prompts
    ]
    has = [np.full(len(about_one), about_one.masks is not None) for about_one in prompts]
    return np.concatenate(rows)[:, None], np.concatenate(has)


def _text_embeddings(
    prompts: Sequence[Prompts], width: int
) -> tuple[Floats | None, npt.NDArray[np.bool_] | None]:
    """(P, d) embeddings, zeros where a prompt has none, and which prompts have one."""
    if all(about_one.text_embeddings is None for about_one in prompts):
        return None, None
    rows = [
        np.zeros((len(about_one), width), np.float32)
        if about_one.text_embeddings is None
        else about_one.text_embeddings
        for about_one in prompts
    ]
    has = [np.full(len(one), one.text_embeddings is not None) for one in prompts]
    return np.concatenate(rows), np.concatenate(has)

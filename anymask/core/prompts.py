"""Prompts: what to segment, said with points, boxes, rough masks or words.

Shape legend: P prompts, N points, h w low-resolution grid, d numbers of an embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.errors import PromptError, shown

BACKGROUND, OBJECT, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT, PADDING = 0, 1, 2, 3, -1
LARGEST_NUMBER = 1e6  # no image is as wide and no logit as large; beyond, a model overflows
BOX_MARGIN_PX = 1.0  # that a box may leave the image by: detectors round and count differently
MASK_SIDE = 256  # of mask logits: four times the side of the image embedding's grid


@dataclass(frozen=True, eq=False)
class Prompts:
    """P prompts for one image; each is answered by masks of its own.

    points: (P, N, 2) float32, XY pixels of the original image.
    labels: (P, N) int64; 1 object, 0 background, 2 and 3 a box's upper left and lower right
        corner, -1 padding, which changes nothing. A box has an area.
    masks: (P, h, w) float32 low-resolution logits, as an earlier answer gave them, or None.
    texts: P phrases or None.
    text_embeddings: (P, d) float32, what a text encoder says of each prompt's words, or of a
        picture that shows the same, for a model that has learned from it; None otherwise.

    A prompt may lack any of these but not all. Raises ``PromptError`` for anything else.
    """

    points: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    masks: npt.NDArray[np.float32] | None = None
    texts: tuple[str, ...] | None = None
    text_embeddings: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _numbers("points", self.points, "(P, N, 2)", 3))
        object.__setattr__(self, "labels", _labels(self.labels))
        if self.points.shape != (*self.labels.shape, 2):
            raise PromptError(
                f"points {self.points.shape} and labels {self.labels.shape} do not belong "
                "together: they must be (P, N, 2) and (P, N)"
            )
        if self.masks is not None:
            object.__setattr__(self, "masks", _logits(self.masks, "(P, h, w)", 3))
            _check_masks(self.masks, len(self))
        if self.texts is not None:
            object.__setattr__(self, "texts", _texts(self.texts, len(self)))
        if self.text_embeddings is not None:
            embedded = _text_embeddings(self.text_embeddings, len(self))
            object.__setattr__(self, "text_embeddings", embedded)
        self._check_boxes()
        self._check_not_empty()

    @classmethod
    def point(cls, x: float, y: float, label: int = OBJECT) -> Prompts:
        """One click."""
        return cls.of_points([[x, y]], [label])

    @classmethod
    def of_points(cls, xy: npt.ArrayLike, labels: npt.ArrayLike | None = None) -> Prompts:
        """One prompt of N points (N, 2), or P prompts of N points each (P, N, 2).

        ``labels``, (N,) or (P, N), are 1 for the object where not given.
        """
        points = _numbers("points", xy, "(N, 2) or (P, N, 2)", 2, 3)
        given = np.ones(points.shape[:-1]) if labels is None else labels
        wanted = _labels(given, points.shape[:-1])
        return cls(points[None], wanted[None]) if points.ndim == 2 else cls(points, wanted)

    @classmethod
    def box(cls, x0: float, y0: float, x1: float, y1: float) -> Prompts:
        """One box, upper left corner first, in pixels of the image (``check_inside``)."""
        return cls.of_boxes([[x0, y0, x1, y1]])

    @classmethod
    def of_boxes(cls, xyxy: npt.ArrayLike) -> Prompts:
        """P prompts of one box each: (P, 4) XYXY, each with an area."""
        boxes = _numbers("boxes", xyxy, "(P, 4)", 2)
        if boxes.shape[1] != 4:
            raise PromptError(f"boxes must be (P, 4), not {boxes.shape}")
        corners = np.tile([BOX_TOP_LEFT, BOX_BOTTOM_RIGHT], (len(boxes), 1))
        return cls(boxes.reshape(-1, 2, 2), corners)

    @classmethod
    def of_masks(cls, logits: npt.ArrayLike) -> Prompts:
        """P prompts of nothing but a rough mask each: low-resolution logits (P, h, w)."""
        masks = _logits(logits, "(P, h, w)", 3)
        return cls(*_no_points(len(masks)), masks)

    @classmethod
    def of_text_embeddings(cls, embeddings: npt.ArrayLike) -> Prompts:
        """P prompts of nothing but what a text encoder says: (P, d), or (d,) of a single one."""
        rows = np.atleast_2d(_numbers("text embeddings", embeddings, "(P, d)", 1, 2))
        return cls(*_no_points(len(rows)), text_embeddings=rows)

    @classmethod
    def join(cls, several: Sequence[Prompts]) -> Prompts:
        """The prompts of several, in order, padded to the longest. All or none have masks, text."""
        if isinstance(several, Prompts) or not isinstance(several, Sequence):
            raise PromptError(f"join takes a list of Prompts, not {type(several).__name__}")
        if not several:
            raise PromptError("there are no prompts to join")
        if not all(isinstance(prompts, Prompts) for prompts in several):
            raise PromptError("join takes a list of Prompts, and nothing else in it")
        kinds = {(p.masks is None, p.texts is None, p.text_embeddings is None) for p in several}
        if len(kinds) > 1:
            raise PromptError("prompts with and without masks or texts can't be joined")
        if len({p.masks.shape[1:] for p in several if p.masks is not None}) > 1:
            raise PromptError("prompts with masks of different size can't be joined")
        if len({e.shape[1] for p in several if (e := p.text_embeddings) is not None}) > 1:
            raise PromptError("text embeddings of different encoders can't be joined")
        longest = max(p.labels.shape[1] for p in several)
        padded = [p.padded(longest) for p in several]
        return cls(
            np.concatenate([p.points for p in padded]),
            np.concatenate([p.labels for p in padded]),
            _joined([p.masks for p in several if p.masks is not None]),
            sum((p.texts or () for p in several), ()) if several[0].texts is not None else None,
            _joined([e for p in several if (e := p.text_embeddings) is not None]),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: int | slice | npt.NDArray[np.intp]) -> Prompts:
        """Some of the prompts, by a number, a slice or an array of numbers."""
        index = np.arange(len(self))[rows].reshape(-1)
        return Prompts(
            self.points[index],
            self.labels[index],
            None if self.masks is None else self.masks[index],
            None if self.texts is None else tuple(self.texts[i] for i in index),
            None if self.text_embeddings is None else self.text_embeddings[index],
        )

    def with_points(self, xy: npt.ArrayLike, labels: npt.ArrayLike | None = None) -> Prompts:
        """More points for each prompt: (N, 2) for all alike, or (P, N, 2)."""
        more = Prompts.of_points(xy, labels)
        points = np.broadcast_to(more.points, (self._match(more), *more.points.shape[1:]))
        labels = np.broadcast_to(more.labels, points.shape[:-1])
        return replace(
            self,
            points=np.concatenate([self.points, points], axis=1),
            labels=np.concatenate([self.labels, labels], axis=1),
        )

    def with_boxes(self, xyxy: npt.ArrayLike) -> Prompts:
        """A box for each prompt: (P, 4)."""
        more = Prompts.of_boxes(xyxy)
        return self.with_points(more.points, more.labels)

    def with_masks(self, logits: npt.ArrayLike) -> Prompts:
        """A mask for each prompt: low-resolution logits (P, h, w), or an answer's (P, 1, h, w)."""
        masks = _logits(logits, "(P, h, w) or (P, 1, h, w)", 3, 4)
        if masks.ndim == 4 and masks.shape[1] == 1:
            masks = masks[:, 0]
        return replace(self, masks=masks)

    def with_text_embeddings(self, embeddings: npt.ArrayLike) -> Prompts:
        """What a text encoder says, for each prompt: (P, d), or (d,) for all alike."""
        given = _numbers("text embeddings", embeddings, "(P, d)", 1, 2)
        rows = np.tile(given, (len(self), 1)) if given.ndim == 1 else given
        return replace(self, text_embeddings=rows)

    def padded(self, length: int) -> Prompts:
        """The same prompts with room for ``length`` points; padding changes no answer."""
        if not isinstance(length, (int, np.integer)):
            raise PromptError(f"a length is a whole number, not {shown(length)}")
        missing = length - self.labels.shape[1]
        if missing < 0:
            raise PromptError(f"{self.labels.shape[1]} points do not fit in {length}")
        return replace(
            self,
            points=np.pad(self.points, ((0, 0), (0, missing), (0, 0))),
            labels=np.pad(self.labels, ((0, 0), (0, missing)), constant_values=PADDING),
        )

    def ambiguous(self) -> npt.NDArray[np.bool_]:
        """(P,) which prompts may well mean several things: one object point or text, and no more.

        The paper answers these with three masks and all others with one (§A, training).
        """
        count = (self.labels != PADDING).sum(1)
        point = ((self.labels == OBJECT).sum(1) == 1) & (count == 1)
        single = point if self.text_embeddings is None else count == 0
        return np.asarray(single & (self.masks is None) & (self.texts is None))

    def check_inside(self, image_hw: tuple[int, int]) -> None:
        """Raise ``PromptError`` for a point or a box outside an image of (H, W).

        A corner of a box may be a pixel outside, as boxes of detectors are; the box is used as it
        is. A box that only touches the image lies outside.
        """
        height, width = image_hw
        size = f"the image, which is {width}×{height} (width×height)"
        outside = (self.points < 0).any(axis=-1) | (self.points > [width, height]).any(axis=-1)
        bad = outside & np.isin(self.labels, (BACKGROUND, OBJECT))
        if bad.any():
            point = _said(self.points[bad][0])
            raise PromptError(f"the point {point} lies outside {size}; points are pixels x,y")
        boxes = self._boxes()
        inside = np.clip(boxes, 0, [width, height, width, height])
        missed = (inside[:, :2] >= inside[:, 2:]).any(axis=1)
        if missed.any():
            raise PromptError(f"the box {_said(boxes[missed][0])} lies outside {size}")
        far = np.abs(boxes - inside).reshape(-1, 2, 2).max(axis=2) > BOX_MARGIN_PX  # K corners
        if far.any():
            row, corner = np.argwhere(far)[0]
            raise PromptError(
                f"the box {_said(boxes[row])} leaves {size}, at its corner "
                f"{_said(boxes[row].reshape(2, 2)[corner])}; what of it lies inside is "
                f"{_said(inside[row])}"
            )

    def __repr__(self) -> str:
        many = len(self) > 1
        parts = self._kinds_said() if many else self._points_said()
        if self.masks is not None:
            h, w = self.masks.shape[1:]
            parts.append(f"mask{'s' * many} of {h}×{w}")
        if self.texts is not None:
            parts += ["words"] if many else [repr(self.texts[0])]
        if self.text_embeddings is not None:
            parts.append(f"text of {self.text_embeddings.shape[1]} numbers")
        return f"Prompts({len(self)} prompt{'s' * many}: {', '.join(parts)})"

    def _points_said(self) -> list[str]:
        """The points and the box of the only prompt, for a person."""
        clicks = np.isin(self.labels, (BACKGROUND, OBJECT))
        boxes = [f"box {_said(box)}" for box in self._boxes()]
        if clicks.sum() != 1:
            return [f"{clicks.sum()} points", *boxes] if clicks.any() else boxes
        kind = "point" if (self.labels[clicks] == OBJECT).all() else "background point"
        return [f"{kind} {_said(self.points[clicks][0])}", *boxes]

    def _kinds_said(self) -> list[str]:
        """Whether prompts have points and boxes, for a person."""
        most = int(np.isin(self.labels, (BACKGROUND, OBJECT)).sum(axis=1).max())
        points = [f"up to {most} point{'s' * (most > 1)}"] if most else []
        return [*points, *(["boxes"] if len(self._boxes()) else [])]

    def _boxes(self) -> npt.NDArray[np.float32]:
        """The boxes (K, 4) of those prompts that have one."""
        firsts, seconds = self.labels == BOX_TOP_LEFT, self.labels == BOX_BOTTOM_RIGHT
        return np.concatenate([self.points[firsts], self.points[seconds]], axis=1)

    def _match(self, more: Prompts) -> int:
        if len(more) not in (1, len(self)):
            raise PromptError(f"{len(self)} prompts can't take points for {len(more)}")
        return len(self)

    def _check_boxes(self) -> None:
        firsts, seconds = self.labels == BOX_TOP_LEFT, self.labels == BOX_BOTTOM_RIGHT
        counts = firsts.sum(1)
        if (counts > 1).any() or (counts != seconds.sum(1)).any():
            raise PromptError(
                "a prompt has at most one box: one corner labelled 2 and one labelled 3; "
                "give several boxes as several prompts"
            )
        for x0, y0, x1, y1 in self._boxes().tolist():
            if x0 > x1 or y0 > y1:
                box = _said([x0, y0, x1, y1])
                ordered = _said([min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)])
                sized = f", or {_said([x0, y0, x0 + x1, y0 + y1])} if its last two were width and "
                raise PromptError(
                    f"the box {box} must be X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1: {ordered}"
                    f"{sized + 'height' if x1 > 0 < y1 else ''}"
                )
            if x0 == x1 or y0 == y1:
                raise PromptError(
                    f"the box {_said([x0, y0, x1, y1])} has no area; a place is a point"
                )

    def _check_not_empty(self) -> None:
        if len(self) == 0:
            raise PromptError("there are no prompts")
        if self.masks is None and self.texts is None and self.text_embeddings is None:
            empty = (self.labels == PADDING).all(axis=1)
            if empty.any():
                raise PromptError(
                    f"prompt {int(empty.argmax())} is empty: give a point, a box, a mask or words"
                )


def _no_points(count: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    return np.zeros((count, 0, 2), np.float32), np.zeros((count, 0), np.int64)


def _joined(arrays: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32] | None:
    return np.concatenate(arrays) if arrays else None


def _said(numbers: Iterable[float]) -> str:
    """Numbers as a person would give them: 500,375."""
    return ",".join(f"{number:.7g}" for number in numbers)


def _numbers(name: str, values: npt.ArrayLike, shape: str, *ndims: int) -> npt.NDArray[np.float32]:
    """A read-only float32 copy of finite numbers with as many axes as ``ndims`` allows."""
    try:
        with np.errstate(over="ignore"):
            array = np.array(_array(values), dtype=np.float32)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise PromptError(f"{name} must be numbers of shape {shape}: {error}") from None
    if array.ndim not in ndims:
        raise PromptError(f"{name} must have the shape {shape}, not {array.shape}")
    if shape.endswith("2)") and array.shape[-1] != 2:
        raise PromptError(f"{name} must be XY pairs of shape {shape}, not {array.shape}")
    if not np.isfinite(array).all():
        raise PromptError(f"{name} contain a number that is not finite")
    if np.abs(array).max(initial=0) > LARGEST_NUMBER:
        raise PromptError(f"{name} contain a number beyond ±{LARGEST_NUMBER:g}")
    array.flags.writeable = False
    return array


def _labels(values: npt.ArrayLike, shape: tuple[int, ...] | None = None) -> npt.NDArray[np.int64]:
    """A read-only int64 copy of labels -1 to 3, of the shape that the points ask for."""
    try:
        given = _array(values)
        with np.errstate(invalid="ignore"):
            array = given.astype(np.int64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise PromptError(f"labels must be whole numbers: {error}") from None
    if shape is not None and array.shape != shape:
        raise PromptError(f"points need labels of shape {shape}, not {array.shape}")
    if array.ndim != 2 and shape is None:
        raise PromptError(f"labels must have the shape (P, N), not {array.shape}")
    wrong = (array != given) | ~np.isin(array, (-1, 0, 1, 2, 3))
    if wrong.any():
        raise PromptError(
            "labels must be 1 (object), 0 (background), 2 and 3 (a box's corners) or -1 (padding), "
            f"not {given[wrong][0]:g}"
        )
    array.flags.writeable = False
    return array


def _array(values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Numbers as an array; what else is given is named in a ``TypeError`` or ``ValueError``."""
    try:
        given = np.asarray(values)
    except ValueError as error:
        ragged = "inhomogeneous" in str(error)
        raise ValueError("its rows differ in length" if ragged else error) from None
    if given.dtype.kind not in "buif":
        strangers = [x for x in given.reshape(-1).tolist() if not isinstance(x, (int, float))]
        if strangers:
            raise TypeError(f"{shown(strangers[0])} is no number")
        raise TypeError(f"{given.dtype} is no type of number that fits")
    return given


def _logits(values: npt.ArrayLike, shape: str, *ndims: int) -> npt.NDArray[np.float32]:
    """``_numbers`` that are mask logits: a mask of true and false says nothing of how sure."""
    masks = _numbers("masks", values, shape, *ndims)
    if np.asarray(values).dtype == bool:
        raise PromptError(
            "masks must be logits, as an earlier answer has them, not true and false; "
            "anymask.core.rough.rough_prompts makes prompts of a mask"
        )
    return masks


def _check_masks(masks: npt.NDArray[np.float32], prompts: int) -> None:
    if len(masks) != prompts:
        raise PromptError(f"{prompts} prompts need as many masks, not {len(masks)}")
    if min(masks.shape[1:]) < 1:
        raise PromptError(f"masks of shape {masks.shape} have no pixels")


def _text_embeddings(values: npt.ArrayLike, prompts: int) -> npt.NDArray[np.float32]:
    embedded = _numbers("text embeddings", values, "(P, d)", 2)
    if len(embedded) != prompts:
        raise PromptError(f"{prompts} prompts need as many text embeddings, not {len(embedded)}")
    if not embedded.any(axis=1).all():
        raise PromptError("a text embedding that is all zeros says nothing")
    return embedded


def _texts(texts: Sequence[str], prompts: int) -> tuple[str, ...]:
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise PromptError(f"texts must be a sequence of phrases, not {shown(texts)}")
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise PromptError("texts must be a sequence of phrases, one for each prompt")
    if len(texts) != prompts:
        raise PromptError(f"{prompts} prompts need as many texts, not {len(texts)}")
    return tuple(texts)

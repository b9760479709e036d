"""AnnotatedImage: an image and what a person, or a model, marked in it, on its way to a file.

Writers take streams of them, and hold one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from anymask.core.read_options import AS_STORED
from anymask.core.rle import RLE
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import NO_DETAIL, VOID_GROUP, Dataset, Sample
from anymask.errors import OutputError


@dataclass(frozen=True, slots=True)
class AnnotatedObject:
    """One object of an image.

    mask: of the image's size. label: what it is. group: the name that it shares with other objects
    of its image. predicted_iou: the model's own score, where a model drew it. stability_score:
    where everything-mode found it.
    """

    mask: RLE
    label: str | None = None
    group: str | None = None
    predicted_iou: float | None = None
    stability_score: float | None = None


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """An image with its objects.

    name: its path from the dataset's folder on, with ``/``. image_hw: (H, W) of the image that the
    masks are of. from_back: whether later objects lie over earlier ones, for formats in which a
    pixel has one object; otherwise small ones lie over large ones. file: the image's bytes or where
    it lies, for who wants it beside the annotations. undecided: how many masks it has that are of
    no object. state: what its annotators say of it, such as ``done``.
    """

    name: str
    image_hw: tuple[int, int]
    objects: tuple[AnnotatedObject, ...]
    from_back: bool = False
    file: bytes | Path | None = None
    undecided: int = 0
    state: str | None = None


def of_sample(sample: Sample) -> AnnotatedImage:
    """What a reader of datasets gives; its groups are labels. Pages of files have no file."""
    details = sample.details or (NO_DETAIL,) * len(sample.masks)
    objects = tuple(
        AnnotatedObject(mask, label, detail.group, detail.predicted_iou, detail.stability_score)
        for mask, label, detail in zip(sample.masks, sample.groups, details)
        if label is not VOID_GROUP
    )
    height, width = sample.masks[0]["size"]
    content = sample.content if sample.options == AS_STORED else None
    undecided = len(sample.masks) - len(objects)
    return AnnotatedImage(
        sample.name,
        (height, width),
        objects,
        file=content,
        undecided=undecided,
        state=sample.state,
    )


def annotated_images(
    dataset: Dataset, on_unread: Callable[[Unread], None] | None = None
) -> Iterator[AnnotatedImage]:
    """The images of a dataset one by one. on_unread: gets what can't be read, or is left out."""
    for part in dataset.parts:
        for sample in part.samples():
            if isinstance(sample, Sample):
                yield of_sample(sample)
            elif on_unread:
                on_unread(sample)


def check_name(name: str) -> None:
    """Raise ``OutputError`` for a name that leads out of the folder that is written."""
    parts = name.split("/")
    if not name or name.startswith("/") or "\\" in name or {"", ".", ".."} & set(parts):
        raise OutputError(f"{name!r} is no name for a file in a dataset")

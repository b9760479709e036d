"""Objects of one image, read annotation by annotation: a bad one loses itself and is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.datasets.label_maps import Object
from anymask.datasets.left_out import Tally, first_of
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import Sample, sample_of


@dataclass
class Objects:
    """The objects of an image that are read so far.

    lost: the annotations that are no objects.
    notes: what else is to be said of the image, as it stands after its name.
    scores: of each object, as ``Sample`` has them.
    """

    objects: list[Object] = field(default_factory=list)
    lost: Tally = field(default_factory=Tally)
    notes: list[str] = field(default_factory=list)
    scores: list[Mapping[str, float]] = field(default_factory=list)

    def add(
        self,
        annotation: str,
        mask: RLE,
        group: str | None,
        scores: Mapping[str, float] | None = None,
    ) -> None:
        """An object, unless its (H, W) mask is empty. annotation: what it is called."""
        if rle.area(mask):
            self.objects.append((mask, group))
            self.scores.append(scores or {})
        else:
            self.lost.add("it has no pixel", annotation)

    def samples(self, name: str, content: bytes) -> Iterator[Sample | Unread]:
        """The image with its objects, and a ``LeftOut`` for each reason to lose some of them.

        An ``Unread`` where no object is left.
        """
        sample = sample_of(name, content, self.objects)
        if isinstance(sample, Sample) and any(self.scores):
            sample = replace(sample, scores=tuple(self.scores))
        left_out = [
            *(
                LeftOut(name, f"{first_of(annotations)}: {reason}", len(annotations))
                for reason, annotations in self.lost.reasons()
            ),
            *(LeftOut(name, note) for note in self.notes),
        ]
        if isinstance(sample, Unread) and left_out:
            reasons = "; ".join(one.reason for one in left_out)
            yield Unread(name, f"has no object: {reasons}")
            return
        yield sample
        yield from left_out

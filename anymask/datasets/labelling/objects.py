"""Objects of one image, read annotation by annotation: a bad one loses itself and is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.datasets.label_maps import Object
from anymask.datasets.left_out import Tally, first_of
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import NO_DETAIL, Detail, Sample, sample_of


@dataclass
class Objects:
    """The objects of an image that are read so far.

    details: of each object. lost: the annotations that are no objects.
    notes: what else is to be said of the image, as it stands after its name.
    """

    objects: list[Object] = field(default_factory=list)
    details: list[Detail] = field(default_factory=list)
    lost: Tally = field(default_factory=Tally)
    notes: list[str] = field(default_factory=list)

    def add(
        self, annotation: str, mask: RLE, group: str | None, detail: Detail = NO_DETAIL
    ) -> None:
        """An object, unless its (H, W) mask is empty. annotation: what it is called."""
        if rle.area(mask):
            self.objects.append((mask, group))
            self.details.append(detail)
        else:
            self.lost.add("it has no pixel", annotation)

    def samples(self, name: str, content: bytes) -> Iterator[Sample | Unread]:
        """The image with its objects, and a ``LeftOut`` for each reason to lose some of them.

        An ``Unread`` where no object is left.
        """
        sample = sample_of(name, content, self.objects, self.details)
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

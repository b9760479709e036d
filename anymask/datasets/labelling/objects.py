"""Objects of one image, read annotation by annotation: a bad one loses itself and is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.datasets.label_maps import Object
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import Sample, sample_of

MOST_NAMED = 4


@dataclass
class Objects:
    """The objects of an image that are read so far.

    lost: for each reason, as it stands after a colon, the annotations that are no objects.
    notes: what else is to be said of the image, as it stands after its name.
    """

    objects: list[Object] = field(default_factory=list)
    lost: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, annotation: str, mask: RLE, group: str | None) -> None:
        """An object, unless its (H, W) mask is empty. annotation: what it is called."""
        if rle.area(mask):
            self.objects.append((mask, group))
        else:
            self.lose(annotation, "it has no pixel")

    def lose(self, annotation: str, reason: str) -> None:
        """Name an annotation that is no object, and why."""
        self.lost.setdefault(reason, []).append(annotation)

    def samples(self, name: str, content: bytes) -> Iterator[Sample | Unread]:
        """The image with its objects, and a ``LeftOut`` for each reason to lose some of them.

        An ``Unread`` where no object is left.
        """
        sample = sample_of(name, content, self.objects)
        left_out = [
            *(
                LeftOut(name, f"{_listed(annotations)}: {reason}", len(annotations))
                for reason, annotations in self.lost.items()
            ),
            *(LeftOut(name, note) for note in self.notes),
        ]
        if isinstance(sample, Unread) and left_out:
            reasons = "; ".join(one.reason for one in left_out)
            yield Unread(name, f"has no object: {reasons}")
            return
        yield sample
        yield from left_out


def _listed(annotations: list[str]) -> str:
    more = len(annotations) - MOST_NAMED
    named = ", ".join(annotations[:MOST_NAMED])
    return f"{named} and {more} more" if more > 0 else named

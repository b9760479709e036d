"""Films: frames in their order, and pictures of the same objects in them, as DAVIS has them.

Shape legend: H W pixels.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from anymask.core.image import RGB, decode_image
from anymask.core.in_context.palette import Labels
from anymask.datasets.label_maps import label_map_of_picture, read_mask_picture
from anymask.datasets.listing import Listing, read_file
from anymask.errors import DatasetError

FRAME = re.compile(r"(.*/)?JPEGImages/(480p|Full-Resolution|1080p)/([^/]+)/([^/]+)\.(?:jpg|png)")
TRUTHS = "Annotations"
WHITE = 255


@dataclass(frozen=True)
class Frame:
    """A picture of a film, and one of the objects in it, by paths or URLs; "" where there is none.

    name: of the frame, with its film's.
    """

    name: str
    image: str
    truth: str = ""

    def pixels(self) -> RGB:
        """(H, W, 3). Raises ``ImageError``."""
        return decode_image(read_file(self.image, self.name), self.name)

    def labels(self) -> Labels:
        """(H, W) the number of the object at each pixel, 0 for none; white alone is number 1.

        Raises ``ImageError``.
        """
        name = f"the truth of {self.name}"
        picture = read_mask_picture(read_file(self.truth, name), name)
        values = label_map_of_picture(picture, name)
        if set(np.unique(values).tolist()) <= {0, WHITE}:
            values = np.where(values == WHITE, 1, 0)
        return values.astype(np.int32)


@dataclass(frozen=True)
class Film:
    """Frames in their order; the first has a truth, which is what is given."""

    name: str
    frames: tuple[Frame, ...]


def films_of(files: Listing) -> list[Film]:
    """The films of DAVIS 2016 or 2017 by name, in 480p where that is there.

    Raises ``DatasetError`` where there is none, and for one whose first frame has no truth.
    """
    matches = [match for name in files.paths if (match := FRAME.fullmatch(name))]
    sizes = sorted({match[2] for match in matches}, key=lambda size: (size != "480p", size))
    frames: dict[str, list[Frame]] = defaultdict(list)
    for match in matches:
        if match[2] == sizes[0]:
            above, size, film, number = match[1] or "", match[2], match[3], match[4]
            truth = f"{above}{TRUTHS}/{size}/{film}/{number}.png"
            url = files.url(truth) if truth in files.paths else ""
            frames[film].append(Frame(f"{film}/{number}", files.url(match[0]), url))
    if not frames:
        raise DatasetError(
            f"{files.location} has no films: expected are JPEGImages/480p/FILM/00000.jpg and "
            f"{TRUTHS}/480p/FILM/00000.png, as DAVIS has them"
        )
    for film, shown in frames.items():
        if not shown[0].truth:
            raise DatasetError(f"the first frame of {film} has no picture of its objects")
    return [Film(name, tuple(frames[name])) for name in sorted(frames)]

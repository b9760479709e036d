"""DAVIS: films, with a picture of the objects in each frame (davischallenge.org, 2016 and 2017).

``JPEGImages/480p/FILM/00000.jpg`` and ``Annotations/480p/FILM/00000.png``; ``Full-Resolution``
instead of ``480p`` where that is absent. White is the object, or each value of a palette is one.
"""

from __future__ import annotations

import re
from functools import partial

from anymask.datasets import pairs
from anymask.datasets.listing import Listing
from anymask.datasets.mask_pictures import instances_of
from anymask.datasets.sample import Dataset

FRAMES = re.compile(r"(?:.*/)?JPEGImages/(480p|Full-Resolution)/[^/]+/[^/]+\.jpg")


def read(files: Listing, split_regions: bool = False) -> Dataset | None:
    """The frames of all films, ``FILM/00000.jpg``, in one resolution; None if it is not DAVIS.

    split_regions: whether each region of an object is one by itself.
    """
    frames = (FRAMES.fullmatch(name) for name in files.paths)
    size = min((match[1] for match in frames if match), default=None)
    if size is None:
        return None
    layout = pairs.Layout(
        kind=f"DAVIS frames ({size})",
        image=re.compile(rf"(.*/)?JPEGImages/{size}/([^/]+/[^/]+)\.jpg"),
        truth=re.compile(rf"(.*/)?Annotations/{size}/([^/]+/[^/]+)\.png"),
        objects_of=partial(instances_of, split_regions=split_regions),
    )
    return pairs.read(files, layout, lambda name: name.replace(f"JPEGImages/{size}/", ""))

"""FSS-1000: a thousand classes of ten images (Li et al., 2020).

``fewshot_data/abacus/1.jpg`` and ``1.png`` beside it, white where the class is. Figures are of the
240 test classes, by ``fss_test_set.txt`` or ``splits/fss/test.txt``; of all classes where there is
no list. Each image of each class is asked about once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial

from anymask.core import rle
from anymask.datasets.benchmarks.few_shot.class_pictures import Classed, lines_of
from anymask.datasets.benchmarks.few_shot.few_shot_set import FewShotSet
from anymask.datasets.label_maps import Object, read_mask_picture
from anymask.datasets.listing import Listing
from anymask.datasets.pairs import part_of

KIND = "FSS-1000"
IMAGE = re.compile(r"((?:.*/)?([^/]+)/\d+)\.jpg")
LISTS = ("fss_test_set.txt", "fss/test.txt", "test.txt")
WHITE = 128  # of 255, and above


def read(files: Listing) -> FewShotSet | None:
    """The classes by the names of their folders; None if it is not FSS-1000."""
    by_class: Classed = defaultdict(list)
    for name in files.paths:
        match = IMAGE.fullmatch(name)
        truth = f"{match[1]}.png" if match else ""
        if match and truth in files.paths:
            objects_of = partial(_objects_of, match[2])
            by_class[match[2]].append(part_of(files, name, (truth,), objects_of))
    if len(by_class) < 2:
        return None
    listed = lines_of(files, LISTS)
    tested = sorted(by_class if listed is None else by_class.keys() & set(listed))
    images = {name: tuple(by_class[name]) for name in tested}
    return FewShotSet(files.location, KIND, (tuple(tested),), images, is_listed=True)


def _objects_of(group: str, content: bytes, name: str) -> list[Object]:
    picture = read_mask_picture(content, name)
    white = picture.brightness(name) >= WHITE
    return [(rle.encode(white), group)] if white.any() else []

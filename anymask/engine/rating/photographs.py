"""Photographs: the pixels of rated images, from the data sets that results are of.

Shape legend: H W pixels.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from PIL import Image

from anymask.core.image import RGB
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part
from anymask.engine.rating.drawn import DRAWN, drawn_object
from anymask.errors import DatasetError, ImageError

Name = tuple[str, str]  # of the data set, and of the image in it
KEPT = 24  # pictures, ready to be sent
WEBP_PX = 16_383  # the longest side that it can have


class Photographs:
    """Pictures for a browser, each exact. Threads may share it.

    Raises ``DatasetError`` where one of the wanted images is not there.
    """

    def __init__(self, datasets: Mapping[str, Dataset], wanted: Iterable[Name], seed: int) -> None:
        self._seed = seed
        self._turn = threading.Lock()
        self._made: OrderedDict[Name, tuple[bytes, str]] = OrderedDict()
        self._parts: dict[Name, Part] = {}
        names = [name for name in dict.fromkeys(wanted) if name[0] != DRAWN]
        for data in dict.fromkeys(data for data, _ in names):
            images = {image for of, image in names if of == data}
            found = _parts_of(datasets[data], images)
            self._parts.update({(data, image): part for image, part in found.items()})
            if missing := sorted(images - set(found)):
                raise DatasetError(
                    f"{datasets[data].location} has no image {missing[0]}"
                    f"{f' and {len(missing) - 1} others' if len(missing) > 1 else ''}: it is not "
                    "the data that the results are of"
                )

    def picture(self, name: Name) -> tuple[bytes, str]:
        """A picture's bytes and media type. Raises ``Error``."""
        with self._turn:  # a large one takes much memory
            if name not in self._made:
                self._made[name] = _encoded(self.pixels(name))
                while len(self._made) > KEPT:
                    self._made.popitem(last=False)
            self._made.move_to_end(name)
            return self._made[name]

    def pixels(self, name: Name) -> RGB:
        """(H, W, 3). Raises ``Error``."""
        data, image = name
        if data == DRAWN:
            return drawn_object(int(image.rpartition(" ")[2]), self._seed).pixels
        for sample in self._parts[name].samples():
            if sample.name == image:
                if isinstance(sample, Unread):
                    break
                return sample.pixels()
        raise ImageError(f"{image} of {data} can't be read any more")


def _parts_of(dataset: Dataset, images: set[str]) -> dict[str, Part]:
    """In which part each image is; only parts that are not called after their image are read."""
    found = {part.name: part for part in dataset.parts if part.name in images}
    for part in dataset.parts if len(found) < len(images) else ():
        if part.name not in found:
            inside = {sample.name for sample in part.samples() if not isinstance(sample, Unread)}
            found.update(dict.fromkeys(inside & images, part))
        if len(found) == len(images):
            break
    return found


def _encoded(pixels: RGB) -> tuple[bytes, str]:
    content = io.BytesIO()
    image = Image.fromarray(pixels)
    if max(image.size) <= WEBP_PX:
        image.save(content, "WEBP", lossless=True, quality=0, method=0)
        return content.getvalue(), "image/webp"
    image.save(content, "PNG", compress_level=1)
    return content.getvalue(), "image/png"

"""BSDS: the Berkeley segmentation dataset BSDS500, images with boundaries that people drew.

Laid out as it is published, in the folder that is named, its ``data`` or anywhere below it:
``images/{train,val,test}/NAME.jpg`` and ``groundTruth/{train,val,test}/NAME.mat``.

Shape legend: H W pixels.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.datasets.labels import matlab_reader
from anymask.datasets.listing import Listing, is_image, list_files, read_file, stem
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample, unread, unreadable
from anymask.errors import DatasetError, Error, ImageError

IMAGES, TRUTH = "images", "groundTruth"
ENDING = ".mat"


def read(location: str, split: str = "val") -> Dataset:
    """The images of a split, a part each; its masks are the boundary maps of its annotators.

    A map is (H, W), a pixel wide lines; its group is ``annotator 1`` and so on. An image without
    maps, maps without image and what is broken or does not fit give an ``Unread``.

    Raises ``DatasetError`` where there is no such split, ``MissingExtraError`` without scipy.
    """
    matlab_reader()  # that it is missing is said at once, not image by image
    files = list_files(location)
    folder = _folder_of(files, split)
    images = {stem(name): name for name in _inside(files, f"{folder}{IMAGES}/{split}/", is_image)}
    truth = {
        _image_stem(name, folder): name
        for name in _inside(files, f"{folder}{TRUTH}/{split}/", _is_truth)
    }
    parts = [_part(files, own, images.get(own), truth.get(own)) for own in {**images, **truth}]
    parts += [unreadable(one.name, one.reason) for one in files.unread]
    return Dataset(location, f"BSDS500 {split}", tuple(sorted(parts, key=lambda part: part.name)))


def _folder_of(files: Listing, split: str) -> str:
    """What the names of a split's images and maps both begin with: "" or a folder with "/"."""
    folders = {posixpath.dirname(name) + "/" for name in files.paths}
    ends = f"{IMAGES}/{split}/", f"{TRUTH}/{split}/"
    before = [{one.removesuffix(end) for one in folders if one.endswith(end)} for end in ends]
    both = [one for one in before[0] & before[1] if not one or one.endswith("/")]
    if not both:
        raise DatasetError(
            f"{files.location} has no split {split!r} of BSDS500: expected are {ends[0]}NAME.jpg "
            f"and {ends[1]}NAME.mat, there or below it"
        )
    return min(both, key=lambda one: (one.count("/"), one))


def _inside(files: Listing, folder: str, wanted: Any) -> Iterator[str]:
    """The names of the files that lie in a folder itself."""
    for name in files.paths:
        if name.startswith(folder) and "/" not in name[len(folder) :] and wanted(name):
            yield name


def _is_truth(name: str) -> bool:
    return name.lower().endswith(ENDING)


def _image_stem(truth: str, folder: str) -> str:
    return folder + IMAGES + stem(truth).removeprefix(folder + TRUTH)


def _part(files: Listing, name: str, image: str | None, truth: str | None) -> Part:
    if image is None:
        return unreadable(f"{name}.jpg", f"is not there, but {truth} is")
    if truth is None:
        return unreadable(image, f"has no boundaries in {TRUTH}")
    return Part(image, partial(_read, image, files.url(image), truth, files.url(truth)))


def _read(name: str, url: str, truth: str, truth_url: str) -> Iterator[Sample | Unread]:
    try:
        maps = boundaries_of(read_file(truth_url, truth), truth)
        groups = tuple(f"annotator {number}" for number in range(1, len(maps) + 1))
        sample = Sample(name, read_file(url, name), tuple(map(rle.encode, maps)), groups)
        sample.pixels()  # so that maps of another size are found here
    except Error as error:
        yield unread(name, error)
        return
    yield sample


def boundaries_of(content: bytes, name: str) -> Sequence[npt.NDArray[np.bool_]]:
    """The boundary maps, (H, W) each, in the bytes of a ``.mat`` file of BSDS500.

    name: what errors call it. Raises ``ImageError``.
    """
    load = matlab_reader()
    try:
        annotators = load(io.BytesIO(content))["groundTruth"].reshape(-1)
        maps = [np.asarray(one["Boundaries"].reshape(-1)[0]) for one in annotators]
    except Exception as error:  # scipy raises many kinds for broken files
        raise ImageError(f"{name} holds no boundaries of BSDS500: {error!r}") from None
    if not maps or any(one.ndim != 2 or one.dtype.kind not in "buif" for one in maps):
        raise ImageError(f"{name} holds no boundaries of BSDS500: expected are (H, W) maps")
    return [one > 0 for one in maps]

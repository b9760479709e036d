"""BSDS: the Berkeley segmentation dataset BSDS500, images with boundaries that people drew.

Laid out as it is published, in the folder that is named, its ``data`` or anywhere below it:
``images/{train,val,test}/NAME.jpg`` and ``groundTruth/{train,val,test}/NAME.mat``.

Shape legend: H W pixels.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets.label_maps import matlab_reader
from anymask.datasets.listing import Listing, is_image, list_files, read_file, stem
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample, unreadable
from anymask.errors import DatasetError, Error, ImageError

IMAGES, TRUTH = "images", "groundTruth"
ENDING = ".mat"


def read(location: str, split: str = "val", options: ReadOptions = AS_STORED) -> Dataset:
    """The images of a split, a part each; a sample's masks are its annotators' boundary maps.

    A map is (H, W), lines a pixel wide; its group is ``annotator 1`` and so on. An image without
    maps, maps without image and what is broken or does not fit give an ``Unread``.

    Raises ``DatasetError`` where there is no such split, ``MissingExtraError`` without scipy.
    """
    matlab_reader()  # that it is missing is said at once, not image by image
    files = list_files(location)
    folder = _folder_of(files, split)
    images = {stem(name): name for name in _inside(files, f"{folder}{IMAGES}/{split}/", is_image)}
    truths = {
        _image_stem(name, folder): name
        for name in _inside(files, f"{folder}{TRUTH}/{split}/", _is_truth)
    }
    parts = [
        _part(files, image_stem, images.get(image_stem), truths.get(image_stem), options)
        for image_stem in {**images, **truths}
    ]
    parts += [unreadable(folder.name, folder.reason) for folder in files.unread]
    in_order = tuple(sorted(parts, key=lambda part: part.name))
    return Dataset(location, f"BSDS500 {split}", in_order, options=options)


def _folder_of(files: Listing, split: str) -> str:
    """What the names of a split's images and maps both begin with: "" or a folder with "/"."""
    folders = {posixpath.dirname(name) + "/" for name in files.paths}
    ends = f"{IMAGES}/{split}/", f"{TRUTH}/{split}/"
    roots = [{path.removesuffix(end) for path in folders if path.endswith(end)} for end in ends]
    shared = [root for root in roots[0] & roots[1] if not root or root.endswith("/")]
    if not shared:
        raise DatasetError(
            f"{files.location} has no split {split!r} of BSDS500: expected are {ends[0]}NAME.jpg "
            f"and {ends[1]}NAME.mat, there or below it"
        )
    return min(shared, key=lambda root: (root.count("/"), root))


def _inside(files: Listing, folder: str, is_wanted: Callable[[str], bool]) -> Iterator[str]:
    """The names of the wanted files that lie in a folder itself."""
    for name in files.paths:
        if name.startswith(folder) and "/" not in name[len(folder) :] and is_wanted(name):
            yield name


def _is_truth(name: str) -> bool:
    return name.lower().endswith(ENDING)


def _image_stem(truth: str, folder: str) -> str:
    return folder + IMAGES + stem(truth).removeprefix(folder + TRUTH)


def _part(
    files: Listing, image_stem: str, image: str | None, truth: str | None, options: ReadOptions
) -> Part:
    if image is None:
        return unreadable(f"{image_stem}.jpg", f"is not there, but {truth} is")
    if truth is None:
        return unreadable(image, f"has no boundaries in {TRUTH}")
    urls = files.url(image), files.url(truth)
    return Part(image, partial(_read, image, truth, urls, options))


def _read(
    name: str, truth: str, urls: tuple[str, str], options: ReadOptions
) -> Iterator[Sample | Unread]:
    try:
        maps = boundaries_of(read_file(urls[1], truth), truth)
        groups = tuple(f"annotator {number}" for number in range(1, len(maps) + 1))
        masks = tuple(map(rle.encode, maps))
        sample = Sample(name, read_file(urls[0], name), masks, groups, options)
        sample.pixels()  # so that maps of another size are found here
    except Error as error:
        yield Unread.from_error(name, error)
        return
    yield sample


def boundaries_of(content: bytes, name: str) -> Sequence[npt.NDArray[np.bool_]]:
    """The boundary maps, (H, W) each, in the bytes of a ``.mat`` file of BSDS500.

    name: what errors call it. Raises ``ImageError``.
    """
    load = matlab_reader()
    try:
        annotators = load(io.BytesIO(content))["groundTruth"].reshape(-1)
        maps = [np.asarray(annotator["Boundaries"].reshape(-1)[0]) for annotator in annotators]
    except Exception as error:  # scipy raises many kinds for broken files
        raise ImageError(f"{name} holds no boundaries of BSDS500: {error!r}") from None
    if not maps or any(lines.ndim != 2 or lines.dtype.kind not in "buif" for lines in maps):
        raise ImageError(f"{name} holds no boundaries of BSDS500: expected are (H, W) maps")
    return [lines > 0 for lines in maps]

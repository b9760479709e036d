"""Places: where the images of a COCO file lie, and which of the files there each of them is."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from anymask.datasets.coco.file import CocoFile, CocoImage
from anymask.datasets.coco.names import NameIndex, Spelling, alike, normal
from anymask.datasets.left_out import first_of
from anymask.datasets.listing import is_image, stem
from anymask.datasets.photographs import page_of
from anymask.errors import DatasetError

IMAGES = "images"
IMAGES_TRIED = 100
SIZES_TRIED = 5
# Folders of such names hold pictures of masks.
OF_MASKS = re.compile(
    r"(?<![a-z])(masks?|labels?|gts?|ground.?truths?|truths?|annotations?|segs?|segmentation\w*|"
    r"panoptic\w*|semantic\w*|instances?|trimaps?|mattes?|alphas?|depths?|pred\w*|overlays?)"
    r"(?![a-z])"
)

SizeOf = Callable[[str], tuple[int, int] | None]  # (H, W) of the picture of a path


@dataclass(frozen=True)
class Place:
    """Where one image lies.

    name: of its part of the dataset. paths: of its file, from the data's folder on; of those that
    were not seen there, any may be it. is_exact: whether the file has all of the name. others:
    further files that it may as well be. is_there: False where all files are known and it is none
    of them. instead_of: what the COCO file calls it, if only that is ``alike``. is_taken: whether
    another image has at least as much a claim on the file. page: of the file, if the image is one
    of several in it.
    """

    name: str
    paths: tuple[str, ...]
    is_exact: bool = True
    others: tuple[str, ...] = ()
    is_there: bool = True
    instead_of: str = ""
    is_taken: bool = False
    page: int | None = None


class Places:
    """The files among which images are sought.

    list_paths: gives those of files, from the data's folder on, as far as they can be known. holds:
    whether there is a file of a path, where asking for some is less work than to list all.
    """

    def __init__(
        self,
        list_paths: Callable[[], Collection[str]],
        holds: Callable[[str], bool] | None = None,
    ) -> None:
        self._list_paths, self._holds = list_paths, holds
        self._spelled: dict[Spelling, set[str]] = {}
        self._indices: dict[tuple[str, Spelling], NameIndex[str]] = {}

    @cached_property
    def paths(self) -> Collection[str]:
        """Of all files that are known."""
        return self._list_paths()

    @property
    def are_listed(self) -> bool:
        """Whether it costs nothing to ask for a file."""
        return self._holds is None

    def holds(self, path: str) -> bool:
        """Whether there is a file of a path."""
        return self._holds(path) if self._holds else path in self.paths

    def near(self, paths: Sequence[str], folder: str, spelling: Spelling = normal) -> list[str]:
        """The files of the names that a path has an end of, in a folder, else anywhere.

        Those in folders whose names say masks are none, unless they are meant.
        """
        inside = self._index(folder, spelling).nearest(paths)
        return inside or self._index("", spelling).nearest(paths)

    def spelled(self, spelling: Spelling) -> set[str]:
        """All paths in one spelling; of what is ``alike``, images only."""
        if spelling not in self._spelled:
            self._spelled[spelling] = set(map(spelling, self._of_kind(spelling)))
        return self._spelled[spelling]

    def _index(self, folder: str, spelling: Spelling) -> NameIndex[str]:
        if (folder, spelling) not in self._indices:
            inside = (
                path
                for path in self._of_kind(spelling)
                if (path.startswith(prefix(folder)) if folder else not says_masks(path))
            )
            self._indices[folder, spelling] = NameIndex(((path, path) for path in inside), spelling)
        return self._indices[folder, spelling]

    def _of_kind(self, spelling: Spelling) -> Iterable[str]:
        return filter(is_image, self.paths) if spelling is alike else self.paths


def place_images(
    images: Sequence[CocoImage], places: Places, folder: str, are_all_there: bool = False
) -> list[Place]:
    """The place of each image, in their order.

    folder: where most of them lie. One that is not there is taken from elsewhere if its name has
    one place only. are_all_there: whether that need not be asked of each.
    """
    found: list[Place] = []
    for image in images:
        label = prefix(folder) + image.label
        exact = tuple(prefix(folder) + path for path in image.paths)
        is_there = are_all_there and len(exact) == 1 and not places.are_listed
        known = exact[0] if is_there else next(filter(places.holds, exact), None)
        if known is not None:
            found.append(Place(label if f"/{known}".endswith(f"/{label}") else known, (known,)))
            continue
        near = places.near(image.paths, folder)
        instead_of = "" if near else image.label
        near = sorted(near or places.near(image.paths, folder, alike))
        if near:
            others = tuple(near[1:])
            found.append(Place(near[0], (near[0],), False, others, instead_of=instead_of))
        else:
            found.append(Place(label, exact or ("",), is_there=not places.are_listed))
    return _with_claims([_of_page(place, image) for place, image in zip(found, images)])


def _of_page(place: Place, image: CocoImage) -> Place:
    """The same; the place of a page where its file has the name that the page's is made of."""
    folder, file = posixpath.split(place.paths[0])
    for path in image.paths:
        named = page_of(path)
        if named and normal(posixpath.basename(named[0])) == normal(file):
            name = posixpath.join(folder, posixpath.basename(path))
            return replace(place, name=name, page=named[1])
    return place


def _with_claims(places: Sequence[Place]) -> list[Place]:
    """The same; of several that are one file, those that have not all of its name are taken."""
    claims = [(place.paths, place.page) for place in places]
    exact = Counter(claim for claim, place in zip(claims, places) if place.is_exact)
    near = Counter(claims)
    return [
        replace(place, is_taken=not place.is_exact and exact[claim] + near[claim] > 1)
        for claim, place in zip(claims, places)
    ]


def images_folder(
    file: CocoFile, folders: Iterable[str], places: Places, size_of: SizeOf
) -> tuple[str, bool] | None:
    """The folder where most of the images lie, and whether all do, as far as they were tried.

    None where there is none. folders: to be tried. Certain are ``images``, the folder that names
    begin in and one that the COCO file is named after. Raises ``DatasetError`` where several others
    hold the same names.
    """
    step = max(len(file.with_objects) // IMAGES_TRIED, 1)
    tried = file.with_objects[::step]
    certain, others = _by_likelihood(folders, file.location)
    for spelling in (None, normal, alike):
        hits: dict[str, set[int]] = {}
        for folder in [*certain, *others]:
            hits[folder] = {
                n for n, one in enumerate(tried) if _holds(places, folder, one, spelling)
            }
            if folder in certain and len(hits[folder]) == len(tried):
                return folder, spelling is None
        if spelling and _are_told_by_name(tried, places, spelling):
            return "", False
        if any(hits.values()):
            fits = partial(_fits, tried, hits, places, size_of)
            return _best(file, hits, certain, fits), False
    return None


def names_note(places: Iterable[Place]) -> str:
    """Which images lie under a name that is only ``alike``; "" where there are none."""
    pairs = [
        f"{place.instead_of} is {place.name}"
        for place in places
        if place.instead_of and not place.others and not place.is_taken
    ]
    if not pairs:
        return ""
    verb = "is" if len(pairs) == 1 else "are"
    return (
        f"{len(pairs)} of its images {verb} found by names that differ in capitals, ending or "
        f"signs of the web: {first_of(pairs)}"
    )


def says_masks(path: str) -> bool:
    """Whether a folder on the way says that it holds pictures of masks."""
    folders = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", posixpath.dirname(path)).lower()
    return bool(OF_MASKS.search(folders))


def prefix(folder: str) -> str:
    """What paths in a folder begin with."""
    return f"{folder}/" if folder else ""


def _by_likelihood(folders: Iterable[str], annotations: str) -> tuple[list[str], list[str]]:
    """``images``, the top, those that the COCO file is named after (``val2017``); and the rest."""
    file_stem = stem(posixpath.basename(annotations)).lower()
    others = sorted(set(folders) - {IMAGES, ""}, key=lambda folder: (folder.count("/"), folder))
    named = [path for path in others if _is_named_after(file_stem, path)]
    return [IMAGES, "", *named], [path for path in others if path not in named]


def _is_named_after(file_stem: str, folder: str) -> bool:
    """Whether a word of the COCO file's name is the folder's, and the folder is none of masks."""
    word = re.escape(posixpath.basename(folder).lower())
    is_word = re.search(rf"(?<![^_\-. ]){word}(?![^_\-. ])", file_stem)
    return bool(is_word) and not says_masks(f"{folder}/")


def _holds(places: Places, folder: str, image: CocoImage, spelling: Spelling | None) -> bool:
    """Whether an image lies in a folder. spelling: in which the end of a path is enough."""
    if spelling is None:
        return any(places.holds(prefix(folder) + path) for path in image.paths)
    start, spelled = spelling(prefix(folder)), places.spelled(spelling)
    return any(start + end in spelled for end in _ends(image.paths, spelling))


def _are_told_by_name(images: Iterable[CocoImage], places: Places, spelling: Spelling) -> bool:
    """Whether every name has one place that is nearest, or none, and some have one."""
    counts = {len(places.near(image.paths, "", spelling)) for image in images}
    return 1 in counts and max(counts) == 1


def _ends(paths: Sequence[str], spelling: Spelling) -> Iterable[str]:
    for path in paths:
        parts = spelling(path).split("/")
        yield from ("/".join(parts[first:]) for first in range(len(parts)))


def _best(
    file: CocoFile,
    hits: dict[str, set[int]],
    certain: Sequence[str],
    fits: Callable[[str], bool],
) -> str:
    """The folder that holds most, if no other that may be meant holds the same.

    hits: which of the images that were tried each folder holds.
    """
    most = max(map(len, hits.values()))
    for folder in certain:
        if len(hits[folder]) == most:
            return folder
    likely = [folder for folder, held in hits.items() if held and not says_masks(f"{folder}/")]
    if not likely:
        raise DatasetError(
            f"the names of {file.location} are found only where folders say masks "
            f"({_named(folder for folder, held in hits.items() if held)}); give the folder of its "
            f"images as images (--images)"
        )
    best = max(likely, key=lambda folder: len(hits[folder]))
    rivals = [f for f in likely if 2 * len(hits[f] & hits[best]) >= len(hits[best])]
    if len(rivals) > 1:
        rivals = list(filter(fits, rivals)) or rivals
    if len(rivals) > 1:
        raise DatasetError(
            f"{len(rivals)} folders hold the images that {file.location} names: {_named(rivals)}; "
            f"give the one that is meant as images (--images)"
        )
    return rivals[0]


def _fits(
    tried: Sequence[CocoImage],
    hits: dict[str, set[int]],
    places: Places,
    size_of: SizeOf,
    folder: str,
) -> bool:
    """Whether a picture in a folder is of the size that the file says."""
    sizes = 0
    for number in sorted(hits[folder])[:SIZES_TRIED]:
        image = tried[number]
        exact = (prefix(folder) + path for path in image.paths)
        known = next(filter(places.holds, exact), None)
        near = places.near(image.paths, folder) or places.near(image.paths, folder, alike)
        actual = size_of(known or near[0])
        if actual is None or image.hw is None:
            continue
        if actual in (image.hw, image.hw[::-1]):  # a camera may lie on its side
            return True
        sizes += 1
    return not sizes


def _named(folders: Iterable[str]) -> str:
    return ", ".join(sorted(f"{folder}/" for folder in folders))

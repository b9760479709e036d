"""SA-1B dataset: images and their records, in folders and in tar shards.

``anymask masks`` writes such records, beside the images or in a folder of their own.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace

from anymask.core.read_options import ReadOptions
from anymask.datasets import sa1b_record, shards
from anymask.datasets.coco.names import normal
from anymask.datasets.labelling.image_names import ImageNames
from anymask.datasets.listing import (
    Listing,
    NamedContent,
    is_image,
    is_json,
    list_files,
    read_file,
    read_start,
    stem,
)
from anymask.datasets.photographs import LeftOut, Missing, Photograph, Unread, page_of
from anymask.datasets.sa1b_shards import Shard
from anymask.datasets.sample import Dataset, Part, Sample, unreadable, with_options
from anymask.errors import DatasetError, Error, RecordError

START_BYTES = 4096
RECORDS_TRIED = 16  # to tell SA-1B's from other JSON files


def read(files: Listing, images: Listing | None = None) -> Dataset | None:
    """The images with their records, and the shards, among files; None where there is neither.

    A record belongs to the image of its own name (``dog.json`` or ``dog.jpg.json`` for
    ``dog.jpg``), or else to the one that it names itself, in the folder of most likeness. An image
    without record, a record without image, and what is broken give an ``Unread``. A shard beside
    the folder that it was unpacked to is passed over; where that folder has records alone, the
    images are those of the shard.

    images: where the images lie, if not among the files. Raises ``DatasetError`` for shards whose
    samples would have the same names.
    """
    if images is None and files.paths and all(map(is_json, files.paths)):
        images = list_files(files.folder_url(""))  # around a glob of records
    pairs, notes = _pairs(files, images)
    unpacked = {posixpath.dirname(pair.name) for pair in pairs}
    names = [name for name in files.paths if shards.is_shard(name)] if images is None else []
    packed = [name for name in names if shards.shard_stem(name) not in unpacked]
    if len({shards.shard_stem(name) for name in packed}) < len(packed):
        raise DatasetError(f"{files.location} has a shard both plain and gzipped; keep one of them")
    tars = [Part(name, Shard(name, files.url(name))) for name in packed]
    if not pairs and not tars:
        return None
    kinds = ["SA-1B records"] * bool(pairs) + ["SA-1B shards"] * bool(tars)
    in_order = sorted([*pairs, *tars], key=lambda part: part.name)
    return Dataset(files.location, " and ".join(kinds), tuple(in_order), notes=notes)


def read_alone(files: Listing, images: Listing | None = None) -> Dataset | None:
    """The image of the only record, which may be named itself; None where it is none.

    images: where the image lies, if not in the record's folder.
    """
    if len(files.paths) != 1 or not all(map(is_json, files.paths)):
        return None
    (name,) = files.paths
    start = read_start(files.url(name), START_BYTES)
    if b'"segmentation"' not in start and (b'"image"' not in start or b'"images"' in start):
        return None
    if images is not None:
        return read(files, images)
    dataset = read(files, list_files(files.folder_url("")))
    return replace(dataset, notes=()) if dataset else None  # of other images in the folder


@dataclass(frozen=True)
class RecordPair:
    """An image and the records that may be its own, the likeliest first, by name and URL.

    others: the names of images that may be meant as well. Called, it reads them.
    """

    image: Photograph
    records: Mapping[str, str]
    others: tuple[str, ...] = ()

    def __call__(self) -> Iterator[Sample | Unread]:
        try:
            content = self.image.read()
            records = self.read_records()
        except Error as error:
            yield Unread.from_error(self.image.name, error)
            return
        yield from self.samples(content, records)

    def read_records(self) -> list[NamedContent]:
        """The files of the records. Raises ``ImageError`` for one that can't be read."""
        return [(name, read_file(url, name)) for name, url in self.records.items()]

    def samples(self, content: bytes, records: Sequence[NamedContent]) -> Iterator[Sample | Unread]:
        """What the image's bytes and its records give."""
        samples = sa1b_record.samples_of((self.image.name, content), records, self.others)
        if self.image.page is None:
            yield from samples
        else:
            yield from with_options(samples, ReadOptions(page=self.image.page))


@dataclass(frozen=True)
class LoneRecord:
    """A record without an image, and why. Called, it says so."""

    name: str
    url: str
    reason: str

    def __call__(self) -> Iterator[Sample | Unread]:
        yield Missing(self.name, self.reason)

    def part(self) -> Part:
        """It, as a part of a dataset."""
        return Part(self.name, self)


@dataclass
class _Pairing:
    """Which records each image has, the likeliest first.

    images: of each record that has an image's name, all images of that name; there may be
    ``a.jpg`` and ``a.png``. lone: records without an image, and what is wrong with shards.
    """

    records: dict[str, list[str]]
    images: dict[str, list[str]] = field(default_factory=dict)
    lone: list[Part] = field(default_factory=list)


def _pairs(files: Listing, images: Listing | None) -> tuple[list[Part], tuple[LeftOut, ...]]:
    """A part for each image, and each record without one, if there are SA-1B records; notes.

    Where the records lead to images elsewhere, those without record are in one note.
    """
    names = [name for name in files.paths if is_json(name)]
    if not names:
        return [], ()
    folders = {posixpath.dirname(name) for name in names}
    photographs, damaged = _photographs(images or files, folders)
    pairing = _by_name(photographs, names)
    others = [name for name in names if name not in pairing.images]
    if not _any_record(files, [*pairing.images]) and not _any_record(files, others):
        return [], ()
    _add_by_content(pairing, files, others, photographs)
    pages = [image for image in photographs.values() if image.page is not None]
    files_by_page = {(page.url, page.member) for page in pages}
    missing = [
        name
        for name, records in pairing.records.items()
        if not records and (photographs[name].url, photographs[name].member) not in files_by_page
    ]
    notes: tuple[LeftOut, ...] = ()
    if images is not None and missing:
        more = f" and {len(missing) - 1} other images" if len(missing) > 1 else ""
        notes = (LeftOut(images.location, f"has {missing[0]}{more} without a record"),)
    elif images is None:
        pairing.lone += [unreadable(name, "has no record beside it") for name in missing]
    parts = (
        _pair(files, photographs[image], records, pairing.images)
        for image, records in pairing.records.items()
        if records
    )
    return [*parts, *pairing.lone, *damaged], notes


def _photographs(images: Listing, folders: set[str]) -> tuple[dict[str, Photograph], list[Part]]:
    """All images, and those of shards whose records lie in folders of the shards' names.

    And what is wrong with these shards. folders: those with records.
    """
    photographs = {
        name: Photograph(images.url(name), name) for name in images.paths if is_image(name)
    }
    filled = {posixpath.dirname(name) for name in photographs}
    damaged: list[Part] = []
    for name in filter(shards.is_shard, images.paths):
        folder = shards.shard_stem(name)
        if folder in filled or not any(f"/{folder}/" in f"/{path}/" for path in folders):
            continue
        url = images.url(name)
        members, damage = shards.list_members(url)
        damaged += [unreadable(name, damage)] if damage else []
        for member in members:
            if is_image(member.name):
                image = f"{folder}/{member.name}"
                photographs[image] = Photograph(url, image, (member.offset, member.size))
        if any(is_json(member.name) for member in members):
            note = f"has records of its own, which are passed over for those in {folder}/"
            damaged.append(unreadable(name, note))
    return photographs, damaged


def _by_name(images: Iterable[str], records: Iterable[str]) -> _Pairing:
    """Pairs of ``dog.jpg`` with ``dog.json`` and ``dog.jpg.json``."""
    by_stem = {normal(stem(name)): name for name in records}
    pairing = _Pairing({})
    for image in images:
        keys = normal(stem(image)), normal(image)
        pairing.records[image] = [by_stem[key] for key in keys if key in by_stem]
        for record in pairing.records[image]:
            pairing.images.setdefault(record, []).append(image)
    return pairing


def _add_by_content(
    pairing: _Pairing,
    files: Listing,
    names: Iterable[str],
    photographs: MutableMapping[str, Photograph],
) -> None:
    """Add those records that are named unlike their images, by what is in them.

    photographs: by name; gets the pages of files that have a record of their own.
    """
    images = ImageNames(pairing.records)
    for name in names:
        content = _content(files, name)
        try:
            sa1b_record.from_bytes(content, name)
        except RecordError:
            continue  # settings, or whatever else it may be
        meant = sa1b_record.image_name(content)
        if not meant:
            reason = "has no image of its name, and names none"
            pairing.lone.append(LoneRecord(name, files.url(name), reason).part())
            continue
        try:
            image = images.find(meant, posixpath.dirname(name)) or _page(
                meant, posixpath.dirname(name), images, photographs
            )
        except DatasetError as error:
            reason = f"is the record of no one image: {error}"
            pairing.lone.append(LoneRecord(name, files.url(name), reason).part())
            continue
        if image is None:
            reason = f"is the record of {meant}, which is not there"
            pairing.lone.append(LoneRecord(name, files.url(name), reason).part())
        else:
            pairing.records.setdefault(image, []).append(name)


def _page(
    meant: str, folder: str, images: ImageNames, photographs: MutableMapping[str, Photograph]
) -> str | None:
    """The page that a record in ``folder`` names (``stack-p0003.tif``), added to photographs.

    None where it is no page's name or its file is not there. Raises as ``ImageNames.find``.
    """
    named = page_of(meant)
    file = images.find(named[0], folder) if named else None
    if named is None or file is None:
        return None
    page = photographs[file].of_page(named[1])
    photographs[page.name] = page
    return page.name


def _any_record(files: Listing, names: Sequence[str]) -> bool:
    """Whether one of the first files is a record."""
    return any(sa1b_record.is_record(_content(files, name)) for name in names[:RECORDS_TRIED])


def _content(files: Listing, name: str) -> bytes:
    """The bytes of a file, none if it can't be read."""
    try:
        return read_file(files.url(name), name)
    except Error:
        return b""


def _pair(
    files: Listing, image: Photograph, records: list[str], images: Mapping[str, list[str]]
) -> Part:
    urls = {record: files.url(record) for record in records}
    others = {other for name in records for other in images.get(name, []) if other != image.name}
    return Part(image.name, RecordPair(image, urls, tuple(sorted(others))))

"""Release: a dataset in SA-1B's form, to be given away; a job that may be killed and run again.

Shards are written one after the other, each there whole or not at all; for each there is how far it
got in the dataset, so that the next run goes on from there and comes to the same bytes. One image
is held at a time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from anymask.core import rle
from anymask.core.atomic import make_folder, writing
from anymask.core.json_object import read_object
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.release.card import CARD_JSON, CARD_MD, card_of, write_card
from anymask.datasets.release.licences import Licence, licences_of
from anymask.datasets.release.manifest import write_manifest
from anymask.datasets.release.reduction import (
    SHORT_SIDE_PX,
    reduced_hw,
    reduced_image,
    reduced_mask,
)
from anymask.datasets.release.shard import JPEG_QUALITY, Shard, jpeg_of, record_of, shard_name
from anymask.datasets.sample import NO_DETAIL, Dataset, Sample
from anymask.datasets.statistics import facts_of
from anymask.errors import Error, OutputError
from anymask.jobs.folder import JobFolder
from anymask.predict.blurring.blur import blur_image
from anymask.predict.blurring.detections import Detector

SETTINGS_FILE, PARTS_FOLDER, PROGRESS_FOLDER = ".anymask-release", ".parts", ".progress"
SHARD_IMAGES = 1000


@dataclass(frozen=True)
class ReleaseSettings:
    """What all of a release has in common.

    short_side_px: of the images. shard_images: in a shard. detectors: of what is blurred, by what
    they find; {} where nothing is. thorough: as ``blur_image`` takes it. licence, consent: the
    owner's words about all images.
    """

    short_side_px: int = SHORT_SIDE_PX
    shard_images: int = SHARD_IMAGES
    detectors: Mapping[str, str] = field(default_factory=dict)
    thorough: bool = False
    licence: str = ""
    consent: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, with what is the same for all releases."""
        return {**asdict(self), "jpeg_quality": JPEG_QUALITY}


@dataclass(frozen=True)
class Progress:
    """How far a release is: the next part, sample in it, image and mask.

    counts: of ``images``, ``masks``, masks that ``vanished``, ``unread``, and of what was blurred.
    licences: how many images state which. unread: what can't be read in this shard, and why.
    """

    part: int = 0
    sample: int = 0
    image_id: int = 1
    mask_id: int = 1
    counts: Mapping[str, int] = field(default_factory=dict)
    licences: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[tuple[str, str], ...] = ()

    def after(self, **counts: int) -> Progress:
        """One sample on, with what it counts."""
        return replace(self, sample=self.sample + 1, counts=dict(_sum(self.counts, counts)))


@dataclass(frozen=True)
class ReleaseWork:
    """What a release is made from: a dataset, settings, and detectors of what is blurred."""

    dataset: Dataset
    settings: ReleaseSettings
    detectors: Mapping[str, Detector]
    licences: Mapping[str, Licence]


def release(
    dataset: Dataset,
    out: Path,
    settings: ReleaseSettings,
    detectors: Mapping[str, Detector],
    answers: Mapping[str, str],
    made_by: str,
) -> Iterator[Progress]:
    """Write a release, or go on with it: how far it is after each image, and at the end.

    answers: of the owner, for the card (``card.read_answers``). made_by: the program's name and
    version. Raises ``OtherSettingsError`` for a folder of other settings or of another dataset,
    and ``OutputError``; what is written stays.
    """
    folder = JobFolder(out, SETTINGS_FILE, PARTS_FOLDER)
    asked = {**settings.to_json(), "dataset": dataset.fingerprint}
    folder.agree(asked, lambda: _check_empty(out))
    make_folder(out / PROGRESS_FOLDER)
    work = ReleaseWork(dataset, settings, detectors, licences_of(dataset))
    progress, number, is_left = Progress(), 0, True
    try:
        while is_left:
            before, target = progress, out / shard_name(number)
            if target.exists():
                progress = _read_progress(out, number)
                yield progress
            else:
                progress = yield from _write_shard(folder, number, progress, work)
            is_left = progress.image_id > before.image_id
            number += is_left
    finally:
        folder.sweep()
    if not number:
        raise Error(f"there is no image with a mask in {dataset.location}: {_first(progress)}")
    _finish(out, number, progress, settings, answers, made_by)


def _write_shard(
    folder: JobFolder, number: int, progress: Progress, work: ReleaseWork
) -> Generator[Progress, None, Progress]:
    """Write the next shard, unless nothing is left. Gives how far it is after each image."""
    target, last = folder.path / shard_name(number), progress.image_id + work.settings.shard_images
    begun = progress = replace(progress, unread=())
    with folder.claim(target) as part:
        if part is None:
            raise OutputError(f"another process writes {target}; let it, or end it")
        with part.open("wb") as file:
            shard = Shard(file)
            for progress, members in _entries(begun, work):
                if members is not None:
                    shard.add(progress.image_id - 1, *members)
                    yield progress
                if progress.image_id == last:
                    break
            shard.close()
        if progress.image_id > last - work.settings.shard_images:
            _write_progress(folder.path, number, progress)  # before the shard is there
        else:
            part.unlink()
    return progress


def _entries(
    progress: Progress, work: ReleaseWork
) -> Iterator[tuple[Progress, tuple[bytes, bytes] | None]]:
    """The image and the record of each sample from there on; None for what can't be read."""
    parts = work.dataset.parts
    for number in range(progress.part, len(parts)):
        if number != progress.part:
            progress = replace(progress, part=number, sample=0)
        passed = progress.sample
        for index, sample in enumerate(parts[number].samples()):
            if index < passed:
                continue
            members: tuple[bytes, bytes] | None = None
            problem = sample if isinstance(sample, Unread) else None
            try:
                if isinstance(sample, Sample):
                    progress, members = _entry(sample, progress, work)
            except (Error, MemoryError) as error:
                problem = Unread(sample.name, str(error) or "does not fit in memory")
            if problem:
                named = (*progress.unread, (problem.name, problem.reason))
                progress = replace(progress.after(unread=1), unread=named)
            yield progress, members


def _entry(
    sample: Sample, progress: Progress, work: ReleaseWork
) -> tuple[Progress, tuple[bytes, bytes]]:
    """The image and the record of a sample. Raises ``Error``."""
    pixels = sample.pixels()
    height, width = pixels.shape[:2]
    hw = reduced_hw((height, width), work.settings.short_side_px)
    small, found = blur_image(reduced_image(pixels, hw), work.detectors, work.settings.thorough)
    details = sample.details or (NO_DETAIL,) * len(sample.masks)
    objects = [
        (mask, detail.scores)
        for mask, detail, is_one in zip(sample.masks, details, sample.is_object)
        if is_one
    ]
    reduced = ((reduced_mask(mask, hw), stated) for mask, stated in objects)
    masks = [(mask, stated) for mask, stated in reduced if rle.area(mask)]
    licence = work.licences.get(Path(sample.name).name)
    more: dict[str, Any] = {"license": licence.to_json()} if licence else {}
    record = record_of(progress.image_id, hw, masks, progress.mask_id, more)
    now = progress.after(
        images=1,
        masks=len(masks),
        vanished=len(objects) - len(masks),
        **{kind: len(boxes) for kind, boxes in found.items()},
    )
    stated = {licence.name or f"number {licence.id}": 1} if licence else {}
    now = replace(
        now,
        image_id=progress.image_id + 1,
        mask_id=progress.mask_id + len(masks),
        licences=dict(_sum(progress.licences, stated)),
    )
    return now, (jpeg_of(small), record)


def _finish(
    out: Path,
    shards: int,
    progress: Progress,
    settings: ReleaseSettings,
    answers: Mapping[str, str],
    made_by: str,
) -> None:
    """Write the card and the manifest of all shards."""
    names = [shard_name(number) for number in range(shards)]
    facts = dict(facts_of(open_dataset(str(out / "sa_*.tar")), open_images=False))
    facts["data"] = out.resolve().name
    counts = {**progress.counts, "licences": dict(progress.licences)}
    done = {"made_by": made_by, "settings": settings.to_json(), "counts": counts}
    write_card(out, card_of(out.resolve().name, facts, done, answers))
    write_manifest(out, (*names, CARD_JSON, CARD_MD), {"made_by": made_by})


def _write_progress(out: Path, number: int, progress: Progress) -> None:
    with writing(_progress_path(out, number)) as part:
        part.write_text(json.dumps(asdict(progress)) + "\n")


def _read_progress(out: Path, number: int) -> Progress:
    """How far the release was after a shard. Raises ``OutputError``."""
    path = _progress_path(out, number)
    try:
        plain = read_object(path, OutputError)
        unread = tuple((str(name), str(reason)) for name, reason in plain.pop("unread"))
        return Progress(**plain, unread=unread)
    except (KeyError, TypeError, ValueError):
        raise OutputError(
            f"{path} says not how far the release is; begin in a new folder"
        ) from None


def _progress_path(out: Path, number: int) -> Path:
    return out / PROGRESS_FOLDER / f"{shard_name(number)}.json"


def _check_empty(out: Path) -> None:
    """Raise ``OutputError`` for a folder with files in it that is no release."""
    there = [path for path in out.iterdir() if path.name != PARTS_FOLDER]
    if there:
        raise OutputError(f"{out} holds {there[0].name}, and is no release; name a new folder")


def _first(progress: Progress) -> str:
    name, reason = progress.unread[0] if progress.unread else ("it", "is empty")
    return f"{name} {reason.removeprefix(f'{name} ')}"


def _sum(a: Mapping[str, int], b: Mapping[str, int]) -> Counter[str]:
    total = Counter(a)
    total.update(b)
    return total

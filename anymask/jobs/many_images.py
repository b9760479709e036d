"""Everything in many images: a job that may be killed, run again, and shared by processes.

Each image's result appears whole under its own name, so what is done is what is there: a job has
no other memory than its folder. No deep-learning library is imported here; the caller brings a
``Segmenter``.
"""

from __future__ import annotations

import dataclasses
import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from anymask.core.annotations import Record
from anymask.core.protocol import Segmenter
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets import mask_folder, sa1b_record
from anymask.datasets.photographs import Photograph
from anymask.errors import Error
from anymask.jobs.folder import JobFolder, OtherSettingsError
from anymask.predict.automatic import AutomaticConfig, segment_everything

SETTINGS_FILE, PARTS_FOLDER = ".anymask-settings", ".parts"
# How long another process may take for one image, or for the settings, before we give up on it.
IMAGE_TIMEOUT_S, SETTINGS_TIMEOUT_S = 3600.0, 60.0
SPEED_ONLY = ("points_per_batch",)  # a job may go on with less memory


class Format(StrEnum):
    """What is written for an image: an SA-1B record, or a folder of PNGs with metadata.csv."""

    json = "json"
    png = "png"


class State(StrEnum):
    """What became of an image; ``elsewhere``: another process has it in hand."""

    done = "done"
    already = "already"
    elsewhere = "elsewhere"
    broken = "broken"


@dataclass(frozen=True)
class Settings:
    """What all results in a folder have in common.

    model: ``model_id`` of the weights. dtype: of the numbers computed with. reading: how images
    are read, where their files leave a choice.
    """

    model: str
    dtype: str
    config: AutomaticConfig
    format: Format
    reading: ReadOptions = AS_STORED

    def to_json(self) -> dict[str, Any]:
        """The settings as ``.anymask-settings`` holds them."""
        config = dataclasses.asdict(self.config)
        grids = config.pop("point_grids")
        config["point_grids"] = None if grids is None else [grid.tolist() for grid in grids]
        lasting = {key: value for key, value in config.items() if key not in SPEED_ONLY}
        # Without options of reading as before there were any: such jobs go on.
        chosen = {**lasting, **self.reading.to_json()}
        return {"model": self.model, "dtype": self.dtype, "format": str(self.format), **chosen}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one photograph; ``reason`` says why it is broken."""

    name: str
    state: State
    masks: int = 0
    reason: str = ""


def target_of(photograph: Photograph, out: Path, form: Format) -> Path:
    """Where a photograph's result goes: ``<folder>/sa_<image_id>.json`` or ``<folder>/<stem>/``."""
    return out / _relative_target(photograph, form)


def check_targets(photographs: Iterable[Photograph], out: Path, form: Format) -> None:
    """Raise ``Error`` if two results would take one place, or be taken for photographs later."""
    owners: dict[str, Photograph] = {}
    folders: dict[str, Photograph] = {}
    results = os.path.abspath(out) + "/"
    for photograph in photographs:
        target = _relative_target(photograph, form)
        other = owners.setdefault(target, photograph)
        if other is not photograph:
            raise _collision(other, photograph, f"the same result {target}")
        folders.setdefault(photograph.folder, photograph)
        if form == Format.png and photograph.url.startswith(results):
            raise Error(
                f"the photograph {photograph.url} lies in {out}, where pictures of masks would "
                f"mix with photographs; take another --out"
            )
    for folder, photograph in folders.items():
        for above in (folder, *map(str, PurePosixPath(folder).parents)):
            if above in owners:
                raise _collision(owners[above], photograph, f"results at {above} and within it")


def job_folder(out: Path) -> JobFolder:
    """The folder of results as processes share it."""
    return JobFolder(out, SETTINGS_FILE, PARTS_FOLDER, IMAGE_TIMEOUT_S, SETTINGS_TIMEOUT_S)


def begin(out: Path, settings: Settings, targets: Iterable[Path]) -> None:
    """Make the folder of results and note the settings, or find that they are the same as before.

    targets: all results to come; none may be there from before the first run.

    Raises ``Error`` for other settings or foreign results, and ``OutputError``.
    """
    try:
        job_folder(out).agree(settings.to_json(), lambda: _check_foreign(targets))
    except OtherSettingsError as other:
        differ = "; ".join(
            f"{change.name} was {change.before}, now {change.now}" for change in other.changes
        )
        raise Error(
            f"{out} holds results of other settings ({differ}); take another --out"
        ) from None


def masks_of(sam: Segmenter, photograph: Photograph, out: Path, settings: Settings) -> Outcome:
    """Segment everything in one photograph and write it, unless that is done or being done.

    Any process may call it with any photograph at any time. A photograph that can't be read is an
    outcome; a result that can't be written is an ``OutputError``.
    """
    target = target_of(photograph, out, settings.format)
    with job_folder(out).claim(target) as part:
        if part is None:
            there = os.path.lexists(target)
            return Outcome(photograph.name, State.already if there else State.elsewhere)
        try:
            record = _record(sam, photograph, settings)
        except (Error, MemoryError) as error:
            return Outcome(photograph.name, State.broken, reason=_reason(photograph, error))
        if settings.format == Format.json:
            part.write_bytes(sa1b_record.to_bytes(record))
        else:
            mask_folder.write(record, part)
    return Outcome(photograph.name, State.done, len(record["annotations"]))


def segment_all(
    sam: Segmenter, photographs: Sequence[Photograph], out: Path, settings: Settings
) -> Iterator[Outcome]:
    """Segment everything in all photographs that are not done yet; an outcome for each.

    Those that another process has in hand come last: once it is done with them, or was killed and
    this one does them. Raises as ``begin`` and ``masks_of`` do; what is done stays.
    """
    begin(out, settings, (target_of(image, out, settings.format) for image in photographs))
    attempt = partial(_attempt, sam, out, settings)
    yield from job_folder(out).go_through(photographs, attempt, _give_up)


def awaited(sam: Segmenter, photograph: Photograph, out: Path, settings: Settings) -> Outcome:
    """``masks_of``, but what another process has in hand is waited for, or done if it dies."""
    attempt = partial(_attempt, sam, out, settings)
    return job_folder(out).wait_for(photograph, attempt, _give_up)


def _attempt(
    sam: Segmenter, out: Path, settings: Settings, photograph: Photograph
) -> Outcome | None:
    """``masks_of``, or None while another process has the photograph in hand."""
    outcome = masks_of(sam, photograph, out, settings)
    return None if outcome.state == State.elsewhere else outcome


def _give_up(photograph: Photograph) -> Outcome:
    minutes = f"{IMAGE_TIMEOUT_S / 60:g} minutes"
    reason = f"{photograph.name} has been in another process's hands for {minutes}"
    return Outcome(photograph.name, State.broken, reason=reason)


def _record(sam: Segmenter, photograph: Photograph, settings: Settings) -> Record:
    annotations = segment_everything(sam, photograph.pixels(settings.reading), settings.config)
    return annotations.record(photograph.file_name, photograph.image_id)


def _reason(photograph: Photograph, error: Error | MemoryError) -> str:
    """What is wrong with a photograph, as a sentence that names it."""
    if isinstance(error, MemoryError):
        return f"{photograph.name} does not fit in memory"
    return str(error) if photograph.name in str(error) else f"{photograph.name}: {error}"


def _check_foreign(targets: Iterable[Path]) -> None:
    """Raise ``Error`` if a result is there before the first run."""
    foreign = next((target for target in targets if os.path.lexists(target)), None)
    if foreign is not None:
        raise Error(
            f"{foreign} is there, but {SETTINGS_FILE}, which says how it was made, is not; "
            f"take another --out"
        )


def _relative_target(photograph: Photograph, form: Format) -> str:
    name = f"sa_{photograph.image_id}.json" if form == Format.json else photograph.stem
    return posixpath.join(photograph.folder, name)


def _collision(first: Photograph, other: Photograph, what: str) -> Error:
    return Error(
        f"{_place(first)} and {_place(other)} would have {what}; "
        f"name a folder above both instead of the two, or rename one"
    )


def _place(photograph: Photograph) -> str:
    return photograph.url if photograph.member is None else f"{photograph.name} in {photograph.url}"

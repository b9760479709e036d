"""Everything in many images, what is like examples or what words name: a job that may be killed.

Run again, it goes on. Each image's result appears whole under its own name, so what is done is
what is there: a job has no other memory than its folder, which several processes may share. No
deep-learning library is imported here; the caller brings the model that answers.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, cast

from anymask.core.annotations import Annotations
from anymask.core.image import RGB
from anymask.core.protocol import Segmenter
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets.photographs import RESULTS_MARK, Photograph
from anymask.errors import Error
from anymask.jobs.coco_run import COCO_FILE, gather
from anymask.jobs.folder import JobFolder, OtherSettingsError
from anymask.jobs.likeness import Likeness
from anymask.jobs.result_names import NamedResult, name_results
from anymask.jobs.results import Format, Rendering, is_of, render
from anymask.jobs.words import Words
from anymask.predict.automatic import AutomaticConfig, segment_everything
from anymask.predict.in_context.predictor import InContextPredictor
from anymask.predict.words.load import WordsFinder

SETTINGS_FILE, PARTS_FOLDER = RESULTS_MARK, ".parts"
# How long another process may take for one image, or for the settings, before we give up on it.
IMAGE_TIMEOUT_S, SETTINGS_TIMEOUT_S = 3600.0, 60.0
SPEED_ONLY = ("points_per_batch",)  # a job may go on with less memory
NAMES = "names"  # the setting that folders of earlier versions lack

# The second where what is like examples is looked for, the third where what words name is.
Model = Segmenter | InContextPredictor | WordsFinder
Sought = AutomaticConfig | Likeness | Words


class State(StrEnum):
    """What became of an image; ``elsewhere``: another process has it in hand."""

    done = "done"
    already = "already"
    elsewhere = "elsewhere"
    broken = "broken"


@dataclass(frozen=True)
class Settings:
    """What all results in a folder have in common.

    model: ``model_id`` of the weights. dtype: of the numbers computed with. config: what is looked
    for: everything, what is like examples, or what words name. reading: how images are
    read, where their files leave a choice.
    """

    model: str
    dtype: str
    config: Sought
    format: Format
    reading: ReadOptions = AS_STORED

    def to_json(self) -> dict[str, Any]:
        """The settings as ``.anymask-settings`` holds them."""
        lasting = _lasting(self.config)
        # Without options of reading as before there were any: such jobs go on.
        chosen = {**lasting, **self.reading.to_json()}
        written = {"model": self.model, "dtype": self.dtype, "format": str(self.format), **chosen}
        # Pictures of masks have been named alike by all versions.
        return written if self.format == Format.png else {**written, NAMES: "stem"}


def _lasting(config: Sought) -> dict[str, Any]:
    """What results depend on, as plain JSON values."""
    if not isinstance(config, AutomaticConfig):
        return config.to_json()
    fields = dataclasses.asdict(config)
    grids = fields.pop("point_grids")
    fields["point_grids"] = None if grids is None else [grid.tolist() for grid in grids]
    return {key: value for key, value in fields.items() if key not in SPEED_ONLY}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one photograph.

    reason: why it is broken. hidden: numbers of masks that a picture of labels does not show.
    missed: why something that words name was not found.
    """

    name: str
    state: State
    masks: int = 0
    reason: str = ""
    hidden: tuple[int, ...] = ()
    missed: tuple[str, ...] = ()


def named_results(photographs: Sequence[Photograph], form: Format) -> list[NamedResult]:
    """The results of photographs in a format."""
    return name_results(photographs, form.ending)


def targets_of(results: Iterable[NamedResult], out: Path, form: Format) -> Iterator[Path]:
    """All files and folders that a job writes under their names."""
    yield from (form.target(result, out) for result in results)
    if form == Format.coco:
        yield out / COCO_FILE


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
        if any(change.name == NAMES and change.before is None for change in other.changes):
            raise Error(
                f"{out} holds results of an earlier version, which called them otherwise; "
                f"take another --out"
            ) from None
        differ = "; ".join(
            f"{change.name} was {change.before}, now {change.now}" for change in other.changes
        )
        raise Error(
            f"{out} holds results of other settings ({differ}); take another --out"
        ) from None


def masks_of(model: Model, result: NamedResult, out: Path, settings: Settings) -> Outcome:
    """Segment one photograph as the settings say and write it, unless that is done or being done.

    Any process may call it with any photograph at any time. A photograph that can't be read is an
    outcome; a result that can't be written is an ``OutputError``.
    """
    name, form = result.photograph.name, settings.format
    target = form.target(result, out)
    with job_folder(out).claim(target) as part:
        if part is None:
            return _outcome_of_other(result, target, form)
        try:
            outcome, rendering = _rendering(model, result, settings)
        except (Error, MemoryError) as error:
            return Outcome(name, State.broken, reason=_reason(result.photograph, error))
        rendering.write(part)
    return outcome


def segment_all(
    model: Model, photographs: Sequence[Photograph], out: Path, settings: Settings
) -> Iterator[Outcome]:
    """Segment all photographs that are not done yet; an outcome for each.

    Those that another process has in hand come last: once it is done with them, or was killed and
    this one does them. Raises as ``begin`` and ``masks_of`` do; what is done stays.
    """
    yield from segment_results(model, named_results(photographs, settings.format), out, settings)


def segment_results(
    model: Model, results: Sequence[NamedResult], out: Path, settings: Settings
) -> Iterator[Outcome]:
    """``segment_all``, where the results have their names already."""
    begin(out, settings, targets_of(results, out, settings.format))
    attempt = partial(_attempt, model, out, settings)
    yield from job_folder(out).go_through(results, attempt, _give_up)
    finish(out, settings)


def finish(out: Path, settings: Settings) -> None:
    """What is left to do when each photograph has its outcome. Raises ``OutputError``."""
    if settings.format == Format.coco:
        gather(job_folder(out))
        job_folder(out).sweep()


def awaited(model: Model, result: NamedResult, out: Path, settings: Settings) -> Outcome:
    """``masks_of``, but what another process has in hand is waited for, or done if it dies."""
    attempt = partial(_attempt, model, out, settings)
    return job_folder(out).wait_for(result, attempt, _give_up)


def _attempt(model: Model, out: Path, settings: Settings, result: NamedResult) -> Outcome | None:
    """``masks_of``, or None while another process has the photograph in hand."""
    outcome = masks_of(model, result, out, settings)
    return None if outcome.state == State.elsewhere else outcome


def _give_up(result: NamedResult) -> Outcome:
    minutes = f"{IMAGE_TIMEOUT_S / 60:g} minutes"
    name = result.photograph.name
    reason = f"{name} has been in another process's hands for {minutes}"
    return Outcome(name, State.broken, reason=reason)


def _outcome_of_other(result: NamedResult, target: Path, form: Format) -> Outcome:
    """Of a photograph whose result is there, or in another process's hands."""
    name = result.photograph.name
    if not os.path.lexists(target):
        return Outcome(name, State.elsewhere)
    if is_of(result, target, form):
        return Outcome(name, State.already)
    reason = f"{name}: {target} is there, but is no result of it; rename it or take another --out"
    return Outcome(name, State.broken, reason=reason)


def _rendering(model: Model, result: NamedResult, settings: Settings) -> tuple[Outcome, Rendering]:
    """What becomes of a photograph, and what to write for it."""
    photograph = result.photograph
    pixels = photograph.pixels(settings.reading)
    annotations, missed = _found(model, photograph, pixels, settings.config)
    rendering = render(settings.format, result, pixels, annotations, missed)
    count, hidden = len(annotations), rendering.hidden
    return Outcome(photograph.name, State.done, count, hidden=hidden, missed=missed), rendering


def _found(
    model: Model, photograph: Photograph, pixels: RGB, config: Sought
) -> tuple[Annotations, tuple[str, ...]]:
    """The masks, and why there are not more where words name what is looked for."""
    if isinstance(config, Words):
        return config.annotations(cast(WordsFinder, model), photograph, pixels)
    if isinstance(config, Likeness):
        return config.annotations(cast(InContextPredictor, model), pixels), ()
    return segment_everything(cast(Segmenter, model), pixels, config), ()


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

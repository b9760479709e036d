"""An evaluation as a job: an experiment over a dataset, which may be stopped and run again.

What is found of each part of the dataset, mostly an image, is a file of its own beside the result
to come (``jobs.folder``); processes that share the work need to share nothing but that folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from anymask.core.protocol import DiscSegmenter
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample
from anymask.errors import Error, ResultError
from anymask.evaluation.experiment import Answerer, DataExperiment
from anymask.evaluation.provenance import stamp
from anymask.evaluation.result import NO_MODEL, Result, Row, check_free
from anymask.evaluation.rivals.load import AdaptedSource
from anymask.jobs.folder import (
    JobFolder,
    OtherSettingsError,
    UnreadableSettingsError,
    count_done,
)

SETTINGS_FILE, CLAIMS_FOLDER = "asked.json", ".claims"
PART_TIMEOUT_S = 3600.0  # for which another process may have a part in hand


@dataclass(frozen=True)
class EvaluationJob:
    """What to evaluate, how, and where the result goes. It can be sent to other processes.

    limit: of images; which, the seed decides.
    """

    experiment: DataExperiment[Any]
    dataset: Dataset
    source: AdaptedSource
    out: Path
    limit: int | None = None
    seed: int = 0

    @property
    def model_id(self) -> str:
        """Who answers; "" before that is known."""
        return self.source.model_id if self.experiment.needs_model else NO_MODEL

    @property
    def folder(self) -> JobFolder:
        """What is found, part by part, until the result is made of it."""
        path = self.out.with_name(f"{self.out.name}.parts")
        return JobFolder(path, SETTINGS_FILE, CLAIMS_FOLDER, PART_TIMEOUT_S)

    @cached_property
    def drawn(self) -> Dataset:
        """What is looked at of the dataset, all or some."""
        return self.dataset if self.limit is None else self.dataset.drawn(self.limit, self.seed)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the dataset that are looked at, mostly an image each."""
        return self.drawn.parts

    @property
    def samples_per_part(self) -> int | None:
        """How many of a part's samples to look at, at most; None: all. Only a shard has several."""
        return math.ceil(self.limit / len(self.parts)) if self.limit is not None else None

    def load(self) -> tuple[EvaluationJob, Answerer]:
        """Who answers, and the job with its ``model_id``; a stand-in where nobody is asked.

        Raises ``Error``, also if that is another than ``model_id``, once this is known.
        """
        if not self.experiment.needs_model:
            return self, DiscSegmenter()
        sam = self.experiment.load(self.source)
        return replace(self, source=replace(self.source, model_id=sam.model_id)), sam

    def settings(self) -> dict[str, Any]:
        """What all parts must have in common, as JSON has it."""
        settings = {
            "experiment": self.experiment.name,
            "options": dict(self.experiment.options()),
            "data": self.dataset.location.rstrip("/").rsplit("/", 1)[-1],
            "data_kind": self.dataset.kind,
            "data_fingerprint": self.drawn.fingerprint,
            "model": self.model_id,
            "limit": self.limit,
            "seed": self.seed,
        }
        reading = self.dataset.options.to_json()
        if reading:  # jobs from before there were any go on
            settings["reading"] = reading
        return dict(json.loads(json.dumps(settings)))

    def file(self, part: Part) -> Path:
        """Where the findings of a part go."""
        key = hashlib.sha256(part.name.encode(errors="surrogateescape")).hexdigest()[:32]
        return self.folder.path / (key + ".json")


def begin(job: EvaluationJob) -> None:
    """Make the folder of parts, or find that it is of the same job.

    Raises ``ResultError`` if a result is there already, or parts of another job; ``OutputError``.
    """
    check_free(job.out)
    try:
        job.folder.agree(job.settings())
    except UnreadableSettingsError:
        raise _unreadable(job.folder.path / SETTINGS_FILE) from None
    except OtherSettingsError as other:
        raise ResultError(
            f"{other.folder} holds parts of another evaluation "
            f"({'; '.join(map(str, other.changes))}); take another --out, or remove it"
        ) from None


def work(job: EvaluationJob, sam: Answerer) -> Iterator[bool]:
    """Do what of a job is not done; for each part whether it was done here.

    Parts that another process has in hand come last: it finishes them, or they are done here if it
    dies. Raises ``OutputError``, and ``ResultError`` for a part that another keeps for too long.
    """
    return job.folder.go_through(job.parts, partial(_evaluate, job, sam), _give_up)


def work_alone(job: EvaluationJob) -> None:
    """Load the model and do what is left of a job. Raises ``Error``."""
    job, sam = job.load()
    for _ in work(job, sam):
        pass


def done(job: EvaluationJob) -> int:
    """How many parts are done."""
    return count_done(job.file(part) for part in job.parts)


def finish(job: EvaluationJob, command: str) -> Result:
    """Make the result of all parts, write it, and remove them. Raises ``Error``."""
    findings = [_read(job.file(part)) for part in job.parts]
    rows: list[Row] = [row for part in findings for row in part["rows"]]
    passed_over = [note for part in findings for note in part["passed_over"]]
    known = {part.name for part in job.dataset.parts}.union(*(part["names"] for part in findings))
    passed_over += map(dataclasses.asdict, job.experiment.notes(known))
    passed_over = [*map(dataclasses.asdict, job.dataset.notes), *passed_over]
    if not rows:
        reasons = "; ".join(f"{note['name']} {note['reason']}" for note in passed_over[:3])
        raise ResultError(f"nothing of {job.dataset.location} could be evaluated: {reasons}")
    result = Result(
        **job.settings(),
        images=sum(len(part["names"]) for part in findings),
        metrics={name: float(value) for name, value in job.experiment.metrics(rows)},
        seconds=round(sum(part["seconds"] for part in findings), 3),
        model_seconds=round(sum(part["model_seconds"] for part in findings), 3),
        command=command,
        **stamp(),
        passed_over=passed_over,
        rows=job.experiment.kept(rows),
    )
    result.write(job.out)
    shutil.rmtree(job.folder.path, ignore_errors=True)
    return result


def _evaluate(job: EvaluationJob, sam: Answerer, part: Part) -> bool | None:
    """Whether a part is done here; None while it is in another process's hands."""
    if job.out.exists():  # once there is the result, the parts are gone
        return False
    file = job.file(part)
    with job.folder.claim(file) as place:
        if place is None:
            return False if file.exists() or job.out.exists() else None
        place.write_text(json.dumps(_findings(job, part, sam)))
    return True


def _give_up(part: Part) -> bool:
    raise ResultError(f"{part.name} has been in another process's hands for too long")


def _findings(job: EvaluationJob, part: Part, sam: Answerer) -> dict[str, Any]:
    """The rows of all samples of a part, and what could not be read."""
    start, timed = time.perf_counter(), job.experiment.timed(sam)
    rows: list[Row] = []
    passed_over: list[dict[str, Any]] = []
    names: list[str] = []
    for sample in _first(part.samples(), job.samples_per_part):
        if isinstance(sample, Unread):
            passed_over.append(dataclasses.asdict(sample))
            continue
        try:
            measured = job.experiment.rows(timed, sample)
        except (Error, MemoryError) as error:
            passed_over.append({"name": sample.name, "reason": _reason(sample, error)})
            continue
        names.append(sample.name)
        rows += [{"image": sample.name, **row} for row in measured]
    return {
        "names": names,
        "rows": rows,
        "passed_over": passed_over,
        "seconds": time.perf_counter() - start,
        "model_seconds": timed.seconds,
    }


def _first(samples: Iterator[Sample | Unread], most: int | None) -> Iterator[Sample | Unread]:
    """The samples of so many names, with what is left out of them."""
    names: set[str] = set()
    for sample in samples:
        names.add(sample.name)
        if most is not None and len(names) > most:
            return
        yield sample


def _reason(sample: Sample, error: Error | MemoryError) -> str:
    """What is wrong with a sample, to stand behind its name."""
    if isinstance(error, MemoryError):
        return "does not fit in memory"
    return str(error).removeprefix(f"{sample.name} ")


def _read(file: Path) -> dict[str, Any]:
    """What is found of a part. Raises ``ResultError``."""
    content: Any = None
    with suppress(OSError, ValueError):
        content = json.loads(file.read_text())
    if not isinstance(content, dict):
        raise _unreadable(file)
    return content


def _unreadable(file: Path) -> ResultError:
    return ResultError(f"{file} can't be read; remove it and run the same command again")

"""Job: an experiment over a dataset, which may be stopped and run again, and shared by processes.

What is found of each part of the dataset, mostly an image, is a file of its own beside the result
to come; whoever makes it claims it first. Processes need to share nothing but that folder.
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
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from anymask.core.atomic import check_writable, make_folder
from anymask.core.protocol import DiscSegmenter, Segmenter
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample
from anymask.errors import Error, ResultError
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.provenance import stamp
from anymask.evaluation.result import Result, Row
from anymask.evaluation.rivals.load import Model
from anymask.evaluation.timed import Timed
from anymask.jobs.folder import claim, sweep

ASKED_FILE, CLAIMS_FOLDER = "asked.json", ".claims"
POLL_S = 0.2
PART_TIMEOUT_S = 3600.0  # for which another process may have a part in hand


@dataclass(frozen=True)
class Job:
    """What to evaluate, how, and where the result goes. It can be sent to other processes.

    model_id: what ``model`` must turn out to be; "" before that is known. limit: of images; which,
    the seed decides.
    """

    experiment: ImageExperiment
    dataset: Dataset
    model: Model
    model_id: str
    out: Path
    limit: int | None = None
    seed: int = 0

    @property
    def folder(self) -> Path:
        """What is found, part by part, until the result is made of it."""
        return self.out.with_name(f"{self.out.name}.parts")

    @cached_property
    def drawn(self) -> Dataset:
        """What is looked at of the dataset, all or some."""
        return self.dataset if self.limit is None else self.dataset.drawn(self.limit, self.seed)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Of what is looked at."""
        return self.drawn.parts

    @property
    def samples_per_part(self) -> int | None:
        """At most; None: all. Only a shard has several."""
        return math.ceil(self.limit / len(self.parts)) if self.limit is not None else None

    def load(self) -> Segmenter:
        """Who answers; where nobody is asked, a stand-in. Raises ``Error``.

        Raises ``ResultError`` if that is another than ``model_id``, once this is known.
        """
        if not self.experiment.needs_model:
            return DiscSegmenter()
        sam = self.model.load()
        found = getattr(sam, "model_id", "")
        if self.model_id and found != self.model_id:
            raise ResultError(
                f"{self.model.weights} is another model here: {found}, not {self.model_id}"
            )
        return sam

    def asked(self) -> dict[str, Any]:
        """What all parts must have in common, as JSON has it."""
        asked = {
            "experiment": self.experiment.name,
            "options": dict(self.experiment.options()),
            "data": self.dataset.location.rstrip("/").rsplit("/", 1)[-1],
            "data_kind": self.dataset.kind,
            "data_fingerprint": self.drawn.fingerprint,
            "model": self.model_id,
            "limit": self.limit,
            "seed": self.seed,
        }
        return dict(json.loads(json.dumps(asked)))

    def file(self, part: Part) -> Path:
        """Where the findings of a part go."""
        key = hashlib.sha256(part.name.encode(errors="surrogateescape")).hexdigest()[:32]
        return self.folder / (key + ".json")


def begin(job: Job) -> None:
    """Make the folder of parts, or find that it is of the same job.

    Raises ``ResultError`` if a result is there already, or parts of another job; ``OutputError``.
    """
    check_writable(job.out.parent)
    if job.out.exists():
        raise ResultError(f"{job.out} is there already; take another --out, or remove it")
    make_folder(job.folder)
    file, asked = job.folder / ASKED_FILE, job.asked()
    with claim(file, job.folder / CLAIMS_FOLDER) as part:
        if part is not None:
            part.write_text(json.dumps(asked, indent=2) + "\n")
    before = _read(file)
    differ = [
        f"{key} was {before.get(key)!r} and is {asked[key]!r}"
        for key in asked
        if before.get(key) != asked[key]
    ]
    if differ:
        raise ResultError(
            f"{job.folder} holds parts of another evaluation ({'; '.join(differ)}); "
            f"take another --out, or remove it"
        )


def work(job: Job, sam: Segmenter) -> Iterator[bool]:
    """Do what of a job is not done; for each part whether it was done here.

    Parts that another process has in hand come last: it finishes them, or they are done here if it
    dies. Raises ``OutputError``.
    """
    elsewhere = []
    for part in job.parts:
        if _is_done(job, part, sam):
            yield True
        elif _is_over(job, part):
            yield False
        else:
            elsewhere.append(part)
    for part in elsewhere:
        yield _awaited(job, part, sam)
    sweep(job.folder / CLAIMS_FOLDER)


def work_alone(job: Job) -> None:
    """Load the model and do what is left of a job. Raises ``Error``."""
    for _ in work(job, job.load()):
        pass


def done(job: Job) -> int:
    """How many parts are done."""
    return sum(job.file(part).exists() for part in job.parts)


def finish(job: Job, command: str) -> Result:
    """Make the result of all parts, write it, and remove them. Raises ``Error``."""
    found = [_read(job.file(part)) for part in job.parts]
    rows: list[Row] = [row for one in found for row in one["rows"]]
    passed_over = [note for one in found for note in one["passed_over"]]
    known = {part.name for part in job.dataset.parts}.union(*(one["names"] for one in found))
    passed_over += map(dataclasses.asdict, job.experiment.notes(known))
    if not rows:
        reasons = "; ".join(f"{one['name']} {one['reason']}" for one in passed_over[:3])
        raise ResultError(f"nothing of {job.dataset.location} could be evaluated: {reasons}")
    result = Result(
        **job.asked(),
        images=sum(len(one["names"]) for one in found),
        metrics={name: float(value) for name, value in job.experiment.metrics(rows)},
        seconds=round(sum(one["seconds"] for one in found), 3),
        model_seconds=round(sum(one["model_seconds"] for one in found), 3),
        command=command,
        **stamp(),
        passed_over=passed_over,
        rows=rows,
    )
    result.write(job.out)
    shutil.rmtree(job.folder, ignore_errors=True)
    return result


def _is_over(job: Job, part: Part) -> bool:
    """Whether nothing is left to do; once there is the result, the parts are gone."""
    return job.file(part).exists() or job.out.exists()


def _is_done(job: Job, part: Part, sam: Segmenter) -> bool:
    """Look at a part, unless it is done or in other hands; whether it was done here."""
    if job.out.exists():
        return False
    with claim(job.file(part), job.folder / CLAIMS_FOLDER) as place:
        if place is None:
            return False
        place.write_text(json.dumps(_findings(job, part, sam)))
    return True


def _awaited(job: Job, part: Part, sam: Segmenter) -> bool:
    deadline = time.monotonic() + PART_TIMEOUT_S
    while not _is_over(job, part):
        if _is_done(job, part, sam):
            return True
        if time.monotonic() > deadline:
            raise ResultError(f"{part.name} has been in another process's hands for too long")
        time.sleep(POLL_S)
    return False


def _findings(job: Job, part: Part, sam: Segmenter) -> dict[str, Any]:
    """The rows of all samples of a part, and what could not be read."""
    start, timed = time.perf_counter(), Timed.of(sam)
    rows: list[Row] = []
    passed_over: list[dict[str, str]] = []
    names: list[str] = []
    for sample in islice(part.samples(), job.samples_per_part):
        if isinstance(sample, Unread):
            passed_over.append(dataclasses.asdict(sample))
            continue
        try:
            found = job.experiment.rows(timed, sample)
        except (Error, MemoryError) as error:
            passed_over.append({"name": sample.name, "reason": _reason(sample, error)})
            continue
        names.append(sample.name)
        rows += [{"image": sample.name, **row} for row in found]
    return {
        "names": names,
        "rows": rows,
        "passed_over": passed_over,
        "seconds": time.perf_counter() - start,
        "model_seconds": timed.seconds,
    }


def _reason(sample: Sample, error: Error | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return "does not fit in memory"
    return str(error).removeprefix(f"{sample.name} ")


def _read(file: Path) -> dict[str, Any]:
    content: Any = None
    with suppress(OSError, ValueError):
        content = json.loads(file.read_text())
    if not isinstance(content, dict):
        raise ResultError(f"{file} can't be read; remove it and run the same command again")
    return content

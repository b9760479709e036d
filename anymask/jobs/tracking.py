"""Tracking: what is labelled in some frames of a film, followed through all others.

Each frame's result appears whole under its name, so a job that is killed goes on where it was: what
is done is read again, and is the memory of what follows.

Shape legend: H W pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from anymask.core import rle
from anymask.core.annotations import Annotations
from anymask.core.atomic import writing
from anymask.core.drawing.colours import colour
from anymask.core.drawing.film import draw_frame, write_film
from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import LabelledPixels, Labels
from anymask.core.mask_files.sa1b import Label
from anymask.datasets import sa1b_record
from anymask.datasets.filming.frames import Frames
from anymask.datasets.photographs import RESULTS_MARK, hashed_id
from anymask.errors import Error, OutputError
from anymask.jobs.folder import JobFolder, OtherSettingsError
from anymask.predict.in_context.annotations import annotations_of
from anymask.predict.in_context.answer import FoundObject, InContextAnswer
from anymask.predict.in_context.predictor import VideoPredictor

PARTS_FOLDER = ".parts"
SCORES = "scores"  # of a picture's labels, in its own text
MOST_IN_PALETTE = 255
BEFORE = "before"


class TrackFormat(StrEnum):
    """What is written for a frame: a palette picture of labels, or an SA-1B record."""

    png = "png"
    json = "json"


@dataclass(frozen=True)
class Track:
    """A film, and what is known of it.

    known: the labels (H, W) of some frames, at least one; frames before the first are followed back
    from it, others on from the nearest known one before them. names: what labels are called.
    """

    frames: Frames
    known: Mapping[int, Labels]
    names: Mapping[int, Label] = field(default_factory=dict)
    format: TrackFormat = TrackFormat.png

    def settings(self, model_id: str) -> dict[str, Any]:
        """What all results have in common, as plain JSON values."""
        labels = {
            str(number): hashlib.sha256(labels.tobytes()).hexdigest()[:16]
            for number, labels in sorted(self.known.items())
        }
        return {
            "model": model_id,
            "film": self.frames.fingerprint,
            "known": labels,
            "format": str(self.format),
        }

    def target(self, number: int, out: Path) -> Path:
        """Where a frame's result goes."""
        return out / f"{self.frames.names[number]}.{self.format}"

    def value(self, label: int) -> int:
        """What a picture has for a label: the number that its own mask had, if it had one."""
        name = self.names.get(label, label)
        return name if isinstance(name, int) else label

    def targets(self, out: Path) -> list[Path]:
        """All results, in the order of frames."""
        return [self.target(number, out) for number in range(len(self.frames))]


@dataclass(frozen=True)
class Tracked:
    """What became of one frame. scores: of the labels that were found. is_new: found just now."""

    number: int
    scores: Mapping[int, float]
    is_new: bool

    @property
    def least(self) -> float:
        """How sure the least sure of its labels is; 0 where nothing was found."""
        return min(self.scores.values(), default=0.0)


def begin(track: Track, out: Path, model_id: str) -> None:
    """Make the folder, or find that it is of the same job. Raises ``Error`` and ``OutputError``."""
    try:
        job = JobFolder(out, RESULTS_MARK, PARTS_FOLDER)
        job.agree(track.settings(model_id), lambda: _check_foreign(track.targets(out)))
    except OtherSettingsError as other:
        changes = ", ".join(change.name for change in other.changes)
        raise Error(
            f"{out} holds masks of another run (not the same: {changes}); take another --out"
        ) from None


def follow(predictor: VideoPredictor, track: Track, out: Path) -> Iterator[Tracked]:
    """Find and write what is not there yet; a value for each frame, in the order of the work.

    Raises ``Error`` where a frame can't be read, and ``OutputError``; what is written stays.
    """
    starts = sorted(track.known)
    for number in starts:
        yield _given(track, number, out)
    ends = [*starts[1:], len(track.frames)]
    for start, end in zip(starts, ends):
        yield from _follow(predictor, track, range(start, end), out)
    yield from _follow(predictor, track, range(starts[0], -1, -1), out)


def overlay(track: Track, out: Path, fps: float, target: Path) -> Path:
    """A film of all results over their frames; where it was written to. Raises ``Error``."""
    pictures = (
        draw_frame(track.frames.pixels(number), read(track, number, out).labelled.labels)
        for number in range(len(track.frames))
    )
    return write_film(pictures, fps, target)


def read(track: Track, number: int, out: Path) -> InContextAnswer:
    """A frame's result as it is on the disk. Raises ``OutputError``."""
    target = track.target(number, out)
    try:
        if track.format == TrackFormat.json:
            return _read_record(target, track.names)
        with Image.open(target) as picture:
            values = np.asarray(picture).astype(np.int32)
            said = json.loads(picture.info.get(SCORES, "{}"))
    except (OSError, ValueError, Error) as error:
        raise OutputError(f"{target} can't be read: {error}; remove it and run again") from None
    labels, scores = np.zeros_like(values), {}
    for label in {*track.names} or {*map(int, said)}:
        if str(track.value(label)) in said:
            labels[values == track.value(label)] = label
            scores[label] = float(said[str(track.value(label))])
    return _answer_of(labels, scores)


def _follow(
    predictor: VideoPredictor, track: Track, numbers: Sequence[int], out: Path
) -> Iterator[Tracked]:
    """The frames after the first of ``numbers``, which is known."""
    rest = numbers[1:]
    if not rest:
        return
    done = 0
    known: list[InContextAnswer] = []
    while done < len(rest) and track.target(rest[done], out).exists():
        known.append(read(track, rest[done], out))
        yield Tracked(rest[done], _scores(known[-1]), is_new=False)
        done += 1
    if done == len(rest):
        return
    also = [
        Example(track.frames.pixels(number), labels)
        for number, labels in track.known.items()
        if number != numbers[0]
    ]
    frames = (track.frames.pixels(number) for number in numbers)
    answers = predictor.follow(frames, track.known[numbers[0]], also, known=known)
    for number, answer in zip(rest[done:], answers, strict=True):
        _write(track, number, answer, out)
        yield Tracked(number, _scores(answer), is_new=True)


def _given(track: Track, number: int, out: Path) -> Tracked:
    labels = track.known[number]
    answer = _answer_of(labels, {int(one): 1.0 for one in np.unique(labels[labels > 0])})
    is_new = not track.target(number, out).exists()
    if is_new:
        _write(track, number, answer, out)
    return Tracked(number, _scores(answer), is_new)


def _write(track: Track, number: int, answer: InContextAnswer, out: Path) -> None:
    target = track.target(number, out)
    with writing(target) as part:
        if track.format == TrackFormat.json:
            annotations = _by_label(answer, track.names)
            name = track.frames.names[number]
            record = annotations.record(name, hashed_id(name))
            part.write_bytes(sa1b_record.to_bytes(record))
            return
        said = PngImagePlugin.PngInfo()
        values = np.zeros_like(answer.labelled.labels)
        scores: dict[str, float] = {}
        for label, score in _scores(answer).items():
            values[answer.labelled.labels == label] = track.value(label)
            scores[str(track.value(label))] = round(score, 5)
        said.add_text(SCORES, json.dumps(scores))
        _picture(values).save(part, format="PNG", pnginfo=said)


def _picture(labels: Labels) -> Image.Image:
    """Labels as a picture: of a palette, as DAVIS has them, or of 16 bits where there are many."""
    if labels.max() > MOST_IN_PALETTE:
        return Image.fromarray(labels.astype(np.uint16))
    picture = Image.fromarray(labels.astype(np.uint8), mode="P")
    colours = [(0, 0, 0), *(colour(number) for number in range(MOST_IN_PALETTE))]
    picture.putpalette([value for one in colours for value in one])
    return picture


def _by_label(answer: InContextAnswer, names: Mapping[int, Label]) -> Annotations:
    """A mask for each label, named by its number where it has no other name."""
    scores = _scores(answer)
    objects = tuple(
        FoundObject(answer.mask(label), label, score) for label, score in scores.items()
    )
    every = {label: names.get(label, label) for label in scores}
    return annotations_of(InContextAnswer(answer.labelled, objects, answer.answered_by), every)


def _read_record(target: Path, names: Mapping[int, Label]) -> InContextAnswer:
    record = sa1b_record.from_bytes(target.read_bytes(), target.name)
    numbers = {name: number for number, name in names.items()}
    image = record["image"]
    labels = np.zeros((image["height"], image["width"]), np.int32)
    scores = {}
    for one in record["annotations"]:
        name = one["label"]
        label = numbers.get(name, name)
        labels[rle.decode(one["segmentation"]).astype(bool)] = label
        scores[int(label)] = one["predicted_iou"]
    return _answer_of(labels, scores)


def _answer_of(labels: Labels, scores: Mapping[int, float]) -> InContextAnswer:
    confidence = np.zeros(labels.shape, np.float32)
    for label, score in scores.items():
        confidence[labels == label] = score
    objects = tuple(FoundObject(labels == label, label, score) for label, score in scores.items())
    return InContextAnswer(LabelledPixels(labels, confidence), objects, BEFORE)


def _scores(answer: InContextAnswer) -> dict[int, float]:
    """Of each label that is there, the surest object's."""
    there = np.unique(answer.labelled.labels).tolist()
    scores: dict[int, float] = {}
    for one in answer.objects:
        if one.label in there:
            scores[one.label] = max(scores.get(one.label, 0.0), one.score)
    return dict(sorted(scores.items()))


def _check_foreign(targets: Sequence[Path]) -> None:
    foreign = next((target for target in targets if target.exists()), None)
    if foreign is not None:
        raise Error(f"{foreign} is there, but {RESULTS_MARK} is not; take another --out")

"""Tasks of Label Studio: images and their annotations, of whichever of its JSON exports.

JSON has tasks with annotations, each of one person, with results. JSON_MIN has a line for each
annotation, without what tells results apart; what of it is certain becomes a task, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from anymask.datasets.photographs import ENDINGS
from anymask.errors import RecordError

IMAGE_KEYS = ("image", "img", "photo", "picture", "url")
REGION_KEYS = ("rle", "points", "radiusX", "width", "imageDataURL")
ABOUT_LINES = ("annotation_id", "annotator", "lead_time")  # which JSON_MIN puts into each


@dataclass(frozen=True)
class Task:
    """What was asked about one image, and what was answered.

    id: as the export has it. image: what it calls the image, "" if nothing. upload: the name of
    the file that was uploaded, or "". results: of the annotation that is taken. notes: what is
    passed over for it. problem: why there is none, or "".
    """

    id: Any
    image: str
    upload: str
    results: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""


def tasks_of(content: bytes, name: str) -> list[Task]:
    """The tasks of an export, one for each image. Raises ``RecordError`` for what is none."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{name} is no JSON: {error}") from None
    entries = _joined(list(_entries(document)))
    if not entries:
        raise RecordError(f"{name} is no export of Label Studio: it has no tasks")
    return [task for entry in entries for task in _tasks(entry)]


def _entries(document: Any) -> Iterator[dict[str, Any]]:
    """The entries of a list that are tasks, all spelt as those of JSON."""
    for entry in document if isinstance(document, list) else [document]:
        if not isinstance(entry, dict):
            continue
        if isinstance(entry.get("data"), dict):
            annotations = listed(entry.get("annotations", entry.get("completions")))
            if annotations is not None:
                yield {**entry, "annotations": annotations}
            elif isinstance(entry.get("predictions"), list):
                yield {**entry, "annotations": []}
        elif listed(entry.get("result")) is not None and isinstance(entry.get("task"), dict):
            yield {**entry["task"], "annotations": [entry]}  # as storage for targets has them
        elif any(key in entry for key in ABOUT_LINES) or any(map(_says_size, entry.values())):
            yield _of_line(entry)


def listed(value: Any) -> list[Any] | None:
    """A list, also of one that stands by itself, or as text; None for anything else."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else None


def _of_line(line: dict[str, Any]) -> dict[str, Any]:
    """A line of JSON_MIN as a task with one annotation."""
    regions = [
        {**region, "value": region} if isinstance(region, dict) else region
        for values in map(listed, line.values())
        if values and any(map(_says_region, values))
        for region in values
    ]
    annotation = {
        "id": line.get("annotation_id"),
        "completed_by": line.get("annotator"),
        "created_at": line.get("created_at"),
        "updated_at": line.get("updated_at"),
        "result": regions,
    }
    data = {key: value for key, value in line.items() if isinstance(value, str)}
    return {"id": line.get("id"), "data": data, "annotations": [annotation]}


def _says_region(value: Any) -> bool:
    """Whether a value has a place, or labels that regions have."""
    return isinstance(value, dict) and any(
        key in REGION_KEYS or key.endswith("labels") for key in value
    )


def _says_size(values: Any) -> bool:
    """Whether these are regions, of which each says how large its image is."""
    return any(
        isinstance(value, dict) and "original_width" in value and _says_region(value)
        for value in listed(values) or []
    )


def _joined(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries, those of one task as one: their annotations are several of it."""
    joined: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries):
        key = repr([entry.get("id", f"number {number}"), _images(entry["data"])])
        if key in joined:
            joined[key]["annotations"] += entry["annotations"]
        else:
            joined[key] = {**entry, "annotations": list(entry["annotations"])}
    return list(joined.values())


def _tasks(entry: dict[str, Any]) -> Iterator[Task]:
    """A task for each image of an entry; mostly there is one."""
    images = _images(entry["data"])
    choice = _chosen(entry["annotations"], entry.get("predictions"))
    upload = entry.get("file_upload")
    upload = upload if isinstance(upload, str) else ""
    if not images:
        yield Task(entry.get("id"), "", upload, choice.results, choice.notes, choice.problem)
    for key, image in images.items():
        own = tuple(result for result in choice.results if _is_about(result, key, images))
        problem = choice.problem
        if len(images) > 1 and not problem and _unplaced(choice.results, images):
            problem = "is one of several images of a task, and its results say not which they mean"
        upload = upload if len(images) == 1 else ""
        yield Task(entry.get("id"), image, upload, own, choice.notes, problem)


def _images(data: Mapping[str, Any]) -> dict[tuple[str, int | None], str]:
    """What data says of images: by key, and number where the key has a list of them."""
    images: dict[tuple[str, int | None], str] = {}
    for key, value in data.items():
        if isinstance(value, str) and _says_image(value):
            images[key, None] = value
        elif isinstance(value, list) and value and all(map(_says_image, value)):
            images |= {(key, number): text for number, text in enumerate(value)}
    if images:
        return images
    likely = (key for key in IMAGE_KEYS if isinstance(data.get(key), str))
    return {(key, None): data[key] for key in likely}


def _says_image(value: Any) -> bool:
    """Whether a text names an image file, or holds one."""
    if not isinstance(value, str) or value.startswith("data:image/"):
        return isinstance(value, str)
    if "?" not in value:
        return value.lower().endswith(ENDINGS)
    address = urlsplit(value)
    names = [address.path, *parse_qs(address.query).get("d", [])]
    return any(name.lower().endswith(ENDINGS) for name in names)


def _is_about(result: Any, key: tuple[str, int | None], images: Mapping[Any, str]) -> bool:
    """Whether a result is about an image of its task."""
    if len(images) == 1 or not isinstance(result, dict):
        return True
    name, number = key
    if number is not None and result.get("item_index") != number:
        return False
    return len({name for name, _ in images}) == 1 or result.get("to_name") == name


def _unplaced(results: tuple[Any, ...], images: Mapping[tuple[str, int | None], str]) -> bool:
    return any(
        not any(_is_about(result, key, images) for key in images)
        for result in results
        if isinstance(result, dict) and isinstance(result.get("value"), dict)
    )


@dataclass
class _Choice:
    """The annotation of a task that is taken."""

    results: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""


@dataclass
class _Answer:
    """An annotation, and the order in which it is preferred: true ones, then the newest."""

    content: dict[str, Any]
    order: tuple[bool, str, str] = field(init=False)

    def __post_init__(self) -> None:
        changed = self.content.get("updated_at") or self.content.get("created_at") or ""
        is_true = self.content.get("ground_truth") is True
        self.order = is_true, str(changed), str(self.content.get("id")).zfill(20)


def _chosen(annotations: list[Any], predictions: Any) -> _Choice:
    """The ground truth, or else the newest of a task's annotations that nobody cancelled.

    Each is of the whole image, by one person; so that one is taken.
    """
    answers = [_Answer(one) for one in annotations if isinstance(one, dict)]
    valid = [
        answer
        for answer in answers
        if not answer.content.get("was_cancelled") and not answer.content.get("skipped")
    ]
    if not valid:
        if answers:
            return _Choice(problem="was skipped in Label Studio")
        count = len(predictions) if isinstance(predictions, list) else 0
        only = f": only {count} predictions, which nobody proved" if count else ""
        return _Choice(problem=f"has no annotation in Label Studio{only}")
    best = max(valid, key=lambda answer: answer.order)
    notes = []
    if len(valid) > 1:
        why = "ground truth" if best.order[0] else "newest"
        notes = [
            f"has {len(valid)} annotations of the whole image: the {why}, "
            f"{best.content.get('id')}, is taken, the others are passed over"
        ]
    return _Choice(tuple(listed(best.content.get("result")) or ()), tuple(notes))

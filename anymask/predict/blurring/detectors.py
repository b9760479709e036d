"""Detectors by name: the built-in ones, fetched once, and people's own functions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.image import RGB
from anymask.errors import Error
from anymask.predict.blurring.blur import FACES, PLATES
from anymask.predict.blurring.detections import Detector
from anymask.weights.fetch import Progress, fetch
from anymask.weights.registry import find

NONE = "none"
ROWS = {FACES: "centerface", PLATES: "plates"}


def find_detectors(
    faces: str = "",
    plates: str = "",
    *,
    offline: bool | None = None,
    on_progress: Progress | None = None,
    threads: int | None = None,
) -> dict[str, Detector]:
    """The detectors that ``blur_image`` takes, by what they find.

    faces, plates: "" for the built-in one, ``none``, or ``module:function``, where the function
    takes (H, W, 3) RGB of 0-255 and gives boxes (N, 4) XYXY in pixels and scores (N,). Raises
    ``Error`` for a function that is not there, and what ``fetch`` raises.
    """
    chosen = {FACES: faces, PLATES: plates}
    return {
        kind: own_detector(name) if name else _built_in(kind, offline, on_progress, threads)
        for kind, name in chosen.items()
        if name != NONE
    }


def name_of(kind: str, name: str) -> str:
    """What a card or a settings file calls a detector: own ones by their function."""
    if name == NONE:
        return NONE
    return name or f"{ROWS[kind]} {find(ROWS[kind]).files[0].sha256[:16]}"


def own_detector(name: str) -> Detector:
    """The function ``module:function``, whose answers are checked. Raises ``Error``."""
    module, _, function = name.partition(":")
    if not (module and function):
        raise Error(f"a detector is none or module:function, not {name!r}")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # where people keep their function
    try:
        detect = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise Error(f"there is no detector {name}: {error}") from None
    if not callable(detect):
        raise Error(f"{name} is no function: it takes pixels and gives boxes and scores")
    return _Own(cast(Callable[[RGB], object], detect), name)


class _Own:
    """A function of somebody's own as a ``Detector``; its answers are checked."""

    def __init__(self, detect: Callable[[RGB], object], name: str) -> None:
        self._detect, self._name = detect, name
        self.scales: tuple[float, ...] = tuple(getattr(detect, "scales", ()))

    def __call__(self, pixels: RGB) -> tuple[Floats, Floats]:
        try:
            given, certain = cast(tuple[object, object], self._detect(pixels))
            boxes = np.asarray(given, np.float32).reshape(-1, 4)
            scores = np.asarray(certain, np.float32)
        except (TypeError, ValueError):
            raise Error(f"{self._name} gives no pair of boxes (N, 4) and scores (N,)") from None
        if scores.shape != boxes.shape[:1] or not np.isfinite(boxes).all():
            raise Error(
                f"{self._name} gives {len(boxes)} boxes and scores {scores.shape}, or no numbers"
            )
        return boxes, scores


def _built_in(
    kind: str, offline: bool | None, on_progress: Progress | None, threads: int | None
) -> Detector:
    from anymask.predict.blurring.faces import FaceDetector
    from anymask.predict.blurring.plates import PlateDetector

    (file,) = find(ROWS[kind]).files
    path = fetch(file, offline=offline, on_progress=on_progress)
    return (
        FaceDetector(path, threads=threads)
        if kind == FACES
        else PlateDetector(path, threads=threads)
    )

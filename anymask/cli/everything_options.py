"""The options of everything-mode: where to start, and what the official ``amg.py`` lets one change.

What is not given is None, and then the preset says, or for ``OWN_THRESHOLDS`` the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any

import typer

from anymask.predict.automatic import OFFICIAL, PAPER, AutomaticConfig
from anymask.predict.promptable import Promptable

OWN_THRESHOLDS = ("pred_iou_thresh", "stability_score_thresh")  # that weights may bring along


class Preset(StrEnum):
    """Settings to start from."""

    official = "official"
    paper = "paper"


PRESETS = {Preset.official: OFFICIAL, Preset.paper: PAPER}


def configure(preset: Preset, flags: Mapping[str, float | None]) -> AutomaticConfig:
    """The preset's settings, but for the flags that are given, by their field's name."""
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    return replace(PRESETS[preset], **given)


def own_thresholds(
    sam: Promptable, weights: str, flags: Mapping[str, float | None]
) -> dict[str, Any]:
    """The thresholds that suit the weights, as their training found, where none are given."""
    own = {name: sam.everything[name] for name in sam.everything if name in OWN_THRESHOLDS}
    own = {name: value for name, value in own.items() if flags[name] is None}
    if own:
        typer.echo(f"{weights} was trained for {as_options(own)}", err=True)
    return own


def as_options(thresholds: Mapping[str, float]) -> str:
    """Settings as one gives them on the command line."""
    return " ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in thresholds.items())


def _flag(text: str, minimum: float | None = 0, maximum: float | None = None) -> Any:
    return typer.Option(help=text, min=minimum, max=maximum, metavar="N", show_default=False)


PresetOption = Annotated[
    Preset,
    typer.Option(
        help="Where to start: the official package's defaults, or the paper's settings with "
        "two layers of crops (slower, finds more that is small)."
    ),
]
FastOption = Annotated[
    bool,
    typer.Option(
        "--fast",
        help="A third of the time for nearly all of the masks: a coarse first look tells "
        "which points deserve an exact answer.",
    ),
]
PointsPerSideOption = Annotated[
    int | None, _flag("Points along each side of the grid; they are squared.", 1)
]
PointsPerBatchOption = Annotated[
    int | None, _flag("Points asked at once by models that can't pass over poor masks.", 1)
]
PredIouThreshOption = Annotated[
    float | None,
    _flag(
        "Drop masks of a lower predicted IoU, 0 to 1. Weights that were fine-tuned bring their "
        "own.",
        0,
        1,
    ),
]
StabilityScoreThreshOption = Annotated[
    float | None, _flag("Drop masks of a lower stability score, 0 to 1.", 0, 1)
]
StabilityScoreOffsetOption = Annotated[
    float | None, _flag("How far the threshold moves to measure stability.")
]
BoxNmsThreshOption = Annotated[
    float | None, _flag("IoU of boxes above which two masks are one, 0 to 1.", 0, 1)
]
CropLayersOption = Annotated[int | None, _flag("Look again at crops: layer i has 2^i a side.")]
CropNmsThreshOption = Annotated[float | None, _flag("As --box-nms-thresh, between crops.", 0, 1)]
CropOverlapOption = Annotated[
    float | None, _flag("Overlap of crops, in parts of the shorter side.", 0, 1)
]
CropPointsOption = Annotated[
    int | None, _flag("Layer i has so many times fewer points a side, to the power of i.", 1)
]
MinRegionAreaOption = Annotated[int | None, _flag("Remove islands and fill holes of fewer pixels.")]

"""Options that several commands take, and how they end when they are stopped."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from anymask.cli.interrupts import EXIT_INTERRUPTED as EXIT_INTERRUPTED
from anymask.core.read_options import ReadOptions, Window, bands_of, window_of
from anymask.errors import ImageError


class Executor(StrEnum):
    """What does the work: processes of this machine, or a Ray cluster."""

    process = "process"
    ray = "ray"


ExecutorOption = Annotated[
    Executor,
    typer.Option(
        "--on",
        "--engine",
        help="process: here; ray: on the Ray cluster of $RAY_ADDRESS, or on all of this machine, "
        "every worker with a model of its own.",
    ),
]


ActorsOption = Annotated[
    int | None,
    typer.Option(
        help="With --on ray: how many hold a model; otherwise one for each card or for every four "
        "processors.",
        min=1,
        metavar="N",
        show_default=False,
    ),
]


def check_actors(actors: int | None, executor: Executor) -> None:
    """Raise ``BadParameter`` for actors without a cluster."""
    if actors is not None and executor != Executor.ray:
        raise typer.BadParameter("--actors goes with --on ray")


class Crowds(StrEnum):
    """What COCO's ``iscrowd`` 1 means."""

    objects = "objects"
    ignore = "ignore"


CrowdsOption = Annotated[
    Crowds | None,
    typer.Option(
        help="What a COCO file marks iscrowd 1: objects (as many tools mark run lengths) or ignore "
        "(crowds); otherwise the file decides, and a note says how.",
        show_default=False,
    ),
]
DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="IN",
        help="A folder, file, glob or URL of a dataset in any format that anymask reads.",
        show_default=False,
    ),
]
ImagesOption = Annotated[
    str,
    typer.Option(
        metavar="DIR",
        help="Where images are that lie apart from their masks.",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    str,
    typer.Option(
        help="A name of `anymask weights list`, a checkpoint, or a folder of `anymask export`.",
        metavar="W",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        help="Where to compute: auto, cpu, cuda, cuda:1 or mps; for exports also an execution "
        "provider of onnxruntime, such as openvino.",
        metavar="D",
    ),
]
DtypeOption = Annotated[
    str,
    typer.Option(
        help="Numbers to compute with: float32; mixed, which multiplies in bfloat16 where that "
        "costs hardly anything; auto, the faster of the two; bfloat16 or float16 for everything.",
        metavar="T",
    ),
]
PageOption = Annotated[
    int | None,
    typer.Option(
        "--page",
        min=1,
        metavar="N",
        help="The page of a TIFF, or frame of an animation, counted from 1.",
        show_default=False,
    ),
]
BandsOption = Annotated[
    str | None,
    typer.Option(
        "--bands",
        metavar="R,G,B",
        help="Which bands are red, green and blue, counted from 1; a single one is shown in grey.",
        show_default=False,
    ),
]
WindowOption = Annotated[
    str | None,
    typer.Option(
        "--window",
        metavar="LOW,HIGH",
        help="The values that become black and white; auto: percentiles 0.1 and 99.9. Without it, "
        "what the file says, or the bits that its values use.",
        show_default=False,
    ),
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Never use the network; also ANYMASK_OFFLINE=1.")
]


def read_options(page: int | None, bands: str | None, window: str | None) -> ReadOptions:
    """The options of reading images as given. Raises ``BadParameter``."""
    try:
        numbers = None if bands is None else bands_of(bands)
    except ValueError:
        raise typer.BadParameter(f"--bands {bands} is not of the form 1,2,3 or 1") from None
    try:
        return ReadOptions(page, numbers, _window(window))
    except ImageError as error:
        raise typer.BadParameter(str(error)) from None


def _window(text: str | None) -> Window | None:
    try:
        return None if text is None else window_of(text)
    except ValueError:
        raise typer.BadParameter(f"--window {text} is not of the form 0,4095 or auto") from None

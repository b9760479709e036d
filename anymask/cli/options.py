"""Options that several commands take, and how they end when they are stopped."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

EXIT_INTERRUPTED = 130


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
    str, typer.Option(help="Numbers to compute with: float32, bfloat16 or float16.", metavar="T")
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Never use the network; also ANYMASK_OFFLINE=1.")
]

"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

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

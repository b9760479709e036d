"""``anymask export``: models for other runtimes."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from anymask.cli.options import OfflineOption, WeightsOption
from anymask.cli.progress import download_bar, tell
from anymask.core.atomic import check_writable
from anymask.core.image import read_image
from anymask.errors import Error, MissingExtraError
from anymask.weights.registry import DEFAULT

if TYPE_CHECKING:
    from anymask.export.onnx import Export

app = typer.Typer(help="Models for other runtimes: the browser, onnxruntime.", no_args_is_help=True)


class WeightType(StrEnum):
    """The type of number in which an export keeps its weights."""

    float32 = "float32"
    float16 = "float16"
    int8 = "int8"


@app.callback()
def options() -> None:
    """Models for other runtimes: the browser, onnxruntime."""


@app.command()
def onnx(
    out: Annotated[Path, typer.Option(help="Folder to write.", show_default=False)],
    weights: WeightsOption = DEFAULT,
    dtype: Annotated[
        WeightType,
        typer.Option(
            help="float32; float16: half the size, the same arithmetic; int8: a third, and coarser."
        ),
    ] = WeightType.float32,
    single_mask: Annotated[
        bool,
        typer.Option("--single-mask", help="Decoders that give one mask a prompt, not four."),
    ] = False,
    photo: Annotated[
        Path | None,
        typer.Option(
            help="Photograph to compare with PyTorch on, instead of a drawn scene.",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print how near each case is to PyTorch, as a table.")
    ] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the table as JSON on standard output.")
    ] = False,
    offline: OfflineOption = False,
) -> None:
    """Write encoder and decoder as ONNX graphs that answer as PyTorch does, or nothing.

    The folder then goes wherever weights go: `--weights DIR`, on a machine without torch, too.
    """
    if out.exists() and not out.is_dir():
        raise Error(f"{out} is no folder")
    check_writable(out)
    pixels = None if photo is None else read_image(photo)

    tell("loading PyTorch and its exporter")
    try:
        from anymask.export.onnx import export_onnx
        from anymask.weights.load import load_checkpoint
    except ModuleNotFoundError as missing:
        raise MissingExtraError(missing.name or "torch", "export") from None

    tell(f"reading {weights}")
    with download_bar(f"fetching {weights}") as bar:
        checkpoint = load_checkpoint(weights, offline=offline or None, on_progress=bar)
    export = export_onnx(
        checkpoint, out, dtype=str(dtype), single_mask=single_mask, photo=pixels, on_step=tell
    )
    if json_:
        typer.echo(json.dumps({"files": export.files, "parity": _rows(export)}, indent=2))
        return
    if verbose:
        Console().print(_table(export))
    typer.echo(_summary(export))
    for name, size in export.files.items():
        typer.echo(f"{out / name}  {size / 1e6:.1f} MB")


def _summary(export: Export) -> str:
    """The worst of all cases, in a line."""
    worst = min(export.parity, key=lambda row: row.least_mask_iou)
    logit = max(row.max_logit for row in export.parity)
    return (
        f"answers as PyTorch does in {len(export.parity)} cases: the worst mask has an IoU of "
        f"{worst.least_mask_iou:.4f} ({worst.graphs}, {worst.prompts}), logits differ by at most "
        f"{logit:.1e}"
    )


def _rows(export: Export) -> list[dict[str, object]]:
    return [row.to_json() for row in export.parity]


def _table(export: Export) -> Table:
    """How far the graphs' answers to each case are from PyTorch's."""
    table = Table("graphs", "prompts", box=None, title="against PyTorch", title_justify="left")
    for column in table.columns:
        column.no_wrap = True
    for title in ("logits", "in std", "mask IoU", "least", "scores"):
        table.add_column(title, justify="right")
    for row in export.parity:
        table.add_row(
            row.graphs,
            row.prompts,
            f"{row.max_logit:.1e}",
            f"{row.logit:.1e}",
            f"{row.mask_iou:.4f}",
            f"{row.least_mask_iou:.4f}",
            f"{row.score:.1e}",
        )
    return table

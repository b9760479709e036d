"""``anymask weights``: what there is, fetching it, and other people's file formats."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from anymask.cli.options import OfflineOption
from anymask.cli.progress import download_bar, tell
from anymask.core.atomic import check_file_writable, check_writable
from anymask.errors import explained
from anymask.weights import registry
from anymask.weights.fetch import cache_path, fetch_row

app = typer.Typer(help="Weights: list, fetch and convert them.", no_args_is_help=True)


class Layout(StrEnum):
    """The layouts of weights that ``convert`` can write."""

    anymask = "anymask"
    official = "official"
    huggingface = "huggingface"


@app.command("list")
def list_(
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the weights that anymask knows by name, and which are on this machine."""
    if json_:
        typer.echo(json.dumps([_row_json(row) for row in registry.ROWS], indent=2))
        return
    table = Table("name", "encoder", "MB", "here", "about", box=None)
    for row in registry.ROWS:
        size, cached = f"{row_bytes(row) / 1e6:.0f}", "yes" if _is_cached(row) else ""
        table.add_row(row.name, row.variant, size, cached, f"{row.about}; {row.licence}")
    Console().print(table)


@app.command()
def pull(
    names: Annotated[list[str], typer.Argument(help="Names of `anymask weights list`.")],
    offline: OfflineOption = False,
) -> None:
    """Fetch weights into the cache, prove them, and print their paths."""
    for row in [registry.find(name) for name in names]:
        here = "proving the files of" if _is_cached(row) else "fetching"
        tell(f"{here} {row.name}, {row_bytes(row) / 1e6:.0f} MB")
        with download_bar(f"fetching {row.name}") as bar:
            paths = fetch_row(row, offline=offline or None, on_progress=bar)
        for path in paths.values():
            typer.echo(str(path))


@app.command()
def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="A name of `anymask weights list`, a PyTorch or safetensors file (FILE#ema: of "
            "several models in it that one), or a folder of Hugging Face's, of an ONNX pair, or of "
            "anymask's own."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write, or file for --to official.")],
    to: Annotated[Layout, typer.Option(help="The layout to write.")] = Layout.anymask,
    offline: OfflineOption = False,
) -> None:
    """Convert weights between anymask's folder, the official .pth and Hugging Face's folder."""
    (check_file_writable if to == Layout.official else check_writable)(out)
    try:
        from anymask.weights.convert import write_hugging_face, write_official
        from anymask.weights.load import load_checkpoint
    except ModuleNotFoundError as missing:
        raise explained(missing) from None

    tell(f"reading {source}")
    with download_bar(f"fetching {source}") as bar:
        checkpoint = load_checkpoint(source, offline=offline or None, on_progress=bar)
    checkpoint.build()  # a wrong name or shape is found before anything is written
    tell(f"writing {out}")
    if to == Layout.official:
        write_official(checkpoint, out)
    elif to == Layout.huggingface:
        write_hugging_face(checkpoint, out)
    else:
        checkpoint.save(out)
    typer.echo(str(out))


def row_bytes(row: registry.Row) -> int:
    """The size of all files of a row, in bytes."""
    return sum(file.size_bytes for file in row.files)


def _is_cached(row: registry.Row) -> bool:
    return all(cache_path(file).is_file() for file in row.files)


def _row_json(row: registry.Row) -> dict[str, object]:
    return {
        "name": row.name,
        "encoder": row.variant,
        "bytes": row_bytes(row),
        "here": _is_cached(row),
        "licence": row.licence,
        "about": row.about,
        "files": {file.name: file.sha256 for file in row.files},
    }

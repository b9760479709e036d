"""The model of a page: an export for the browser, found, kept, or made once."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from anymask.cli.progress import download_bar
from anymask.errors import MissingExtraError

DTYPE = "float16"  # half the bytes for the browser to fetch, the same arithmetic
SMALL_MILLIONS = 20  # of parameters; the default has 10


def browser_model(weights: str, offline: bool | None, extra: str = "web") -> Path:
    """The folder of an export of the weights: themselves, a kept one, or one made now.

    extra: of anymask, which brings what is missing.
    """
    from anymask.export.export_cache import kept_export
    from anymask.weights.graph_pair import is_export, read_export

    if is_export(Path(weights)):
        read_export(Path(weights))
        return Path(weights)
    return kept_export(weights, DTYPE) or _export(weights, offline, extra)


def _export(weights: str, offline: bool | None, extra: str) -> Path:
    try:
        import onnxscript  # noqa: F401 (to be missed before anything is fetched)

        from anymask.export.export_cache import keep_export
        from anymask.weights.load import load_checkpoint
    except ModuleNotFoundError as missing:
        raise MissingExtraError(missing.name or "torch", extra) from None

    with download_bar(f"fetching {weights}") as bar:
        checkpoint = load_checkpoint(weights, offline=offline, on_progress=bar)
    millions = sum(tensor.numel() for tensor in checkpoint.state.values()) / 1e6
    pace = "about a minute" if millions < SMALL_MILLIONS else "some minutes"
    typer.echo(f"exporting {checkpoint.name} for the browser, once: {pace}", err=True)
    with Console(stderr=True).status("exporting") as status:
        return keep_export(checkpoint, DTYPE, on_step=status.update)

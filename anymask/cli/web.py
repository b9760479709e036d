"""``anymask web``: the page on which a click gives masks, served from this machine."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from anymask.cli.options import OfflineOption, WeightsOption
from anymask.cli.progress import download_bar
from anymask.errors import MissingExtraError

if TYPE_CHECKING:
    import socket

DTYPE = "float16"  # half the bytes for the browser to fetch, the same arithmetic
SMALL_MILLIONS = 20  # of parameters; the default has 10
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def web(
    image: Annotated[
        str | None,
        typer.Argument(
            metavar="IMAGE",
            help="The picture to begin with; without it, a sample. Others can be dropped on the "
            "page.",
            show_default=False,
        ),
    ] = None,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port to listen on; 0: any. By default the first free one from 8420 on.",
            min=0,
            max=65535,
            metavar="N",
            show_default=False,
        ),
    ] = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print the address and open no browser.")
    ] = False,
    weights: WeightsOption = "mobile-sam",
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. The default serves this machine alone; with another, "
            "whoever reaches it may use the page.",
            metavar="H",
        ),
    ] = "127.0.0.1",
    offline: OfflineOption = False,
) -> None:
    """Serve a page where a click gives masks to save; Ctrl-C ends it.

    The model runs in the browser: it is exported once for each weights, which takes about a minute,
    and kept in the cache. Pictures that a browser can't read, TIFF for one, are read here; nothing
    leaves this machine.
    """
    try:
        from anymask.engine.page import built_page, page_app
        from anymask.engine.sample import picture_of, sample_picture
        from anymask.engine.server import listen, serve
    except ModuleNotFoundError as missing:
        raise MissingExtraError(missing.name or "fastapi", "web") from None

    static = built_page()
    first = sample_picture() if image is None else picture_of(image)
    listening = listen(host, port)  # before the work, which would be in vain without
    try:
        model = _browser_model(weights, offline or None)
        app = page_app(static, model, first, host)
        serve(app, listening, on_ready=lambda: _announce(listening, open_it=not no_open))
    finally:
        listening.close()
    typer.echo("anymask: the page is closed", err=True)


def _browser_model(weights: str, offline: bool | None) -> Path:
    """The folder of an export of the weights: themselves, a kept one, or one made now."""
    from anymask.export.export_cache import kept_export
    from anymask.weights.graph_pair import is_export, read_export

    if is_export(Path(weights)):
        read_export(Path(weights))
        return Path(weights)
    return kept_export(weights, DTYPE) or _export(weights, offline)


def _export(weights: str, offline: bool | None) -> Path:
    try:
        import onnxscript  # noqa: F401 (to be missed before anything is fetched)

        from anymask.export.export_cache import keep_export
        from anymask.weights.load import load_checkpoint
    except ModuleNotFoundError as missing:
        raise MissingExtraError(missing.name or "torch", "web") from None

    with download_bar(f"fetching {weights}") as bar:
        checkpoint = load_checkpoint(weights, offline=offline, on_progress=bar)
    millions = sum(tensor.numel() for tensor in checkpoint.state.values()) / 1e6
    pace = "about a minute" if millions < SMALL_MILLIONS else "some minutes"
    typer.echo(f"exporting {checkpoint.name} for the browser, once: {pace}", err=True)
    with Console(stderr=True).status("exporting") as status:
        return keep_export(checkpoint, DTYPE, on_step=status.update)


def _announce(listening: socket.socket, open_it: bool) -> None:
    """Print the address, and open it where there is a browser with windows."""
    from anymask.engine.server import url_of

    url = url_of(listening)
    typer.echo(f"{url}  (Ctrl-C ends it)")
    sys.stdout.flush()
    windows = sys.platform in ("win32", "darwin") or any(map(os.environ.get, DISPLAYS))
    if open_it and windows:  # a text browser would take the terminal
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

"""``anymask web``: the page on which a click gives masks, served from this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from anymask.cli.options import OfflineOption, WeightsOption
from anymask.cli.serving.announcing import NoOpenOption, PortOption, announce
from anymask.cli.serving.browser_model import browser_model
from anymask.errors import MissingExtraError
from anymask.weights.registry import DEFAULT


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
    port: PortOption = None,
    no_open: NoOpenOption = False,
    weights: WeightsOption = DEFAULT,
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
        from anymask.engine.server import listen, serve, url_of
    except ModuleNotFoundError as missing:
        raise MissingExtraError(missing.name or "fastapi", "web") from None

    static = built_page()
    first = sample_picture() if image is None else picture_of(image)
    listening = listen(host, port)  # before the work, which would be in vain without
    try:
        model = browser_model(weights, offline or None)
        app = page_app(static, model, first, host)
        serve(app, listening, on_ready=lambda: announce(url_of(listening), open_it=not no_open))
    finally:
        listening.close()
    typer.echo("anymask: the page is closed", err=True)

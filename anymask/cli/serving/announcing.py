"""Announcing: where a page is, printed and opened."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from typing import Annotated

import typer

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")

PortOption = Annotated[
    int | None,
    typer.Option(
        help="Port to listen on; 0: any. By default the first free one from 8420 on.",
        min=0,
        max=65535,
        metavar="N",
        show_default=False,
    ),
]
NoOpenOption = Annotated[
    bool, typer.Option("--no-open", help="Print the address and open no browser.")
]


def announce(url: str, open_it: bool) -> None:
    """Print an address, and open it where there is a browser with windows."""
    typer.echo(f"{url}  (Ctrl-C ends it)")
    sys.stdout.flush()
    windows = sys.platform in ("win32", "darwin") or any(map(os.environ.get, DISPLAYS))
    if open_it and windows:  # a text browser would take the terminal
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

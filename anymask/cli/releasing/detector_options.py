"""Options that name the detectors of what is blurred."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.progress import download_bar
from anymask.errors import explained

if TYPE_CHECKING:
    from anymask.predict.blurring.detections import Detector

FacesOption = Annotated[
    str,
    typer.Option(
        "--faces",
        metavar="MODULE:FUNCTION",
        help="A detector of your own instead of the built-in one: a function that takes pixels "
        "(H, W, 3) and gives boxes XYXY and scores. none: blur no faces.",
        show_default=False,
    ),
]
PlatesOption = Annotated[
    str,
    typer.Option(
        "--plates",
        metavar="MODULE:FUNCTION",
        help="The same for licence plates. The built-in one was trained on Chinese plates and "
        "misses many others.",
        show_default=False,
    ),
]
ThoroughOption = Annotated[
    bool,
    typer.Option(
        "--thorough",
        help="Look at the mirror image, too: finds a few more, and takes twice as long.",
    ),
]


def chosen_detectors(faces: str, plates: str, offline: bool) -> dict[str, Detector]:
    """The detectors of the options, fetched if need be."""
    try:
        from anymask.predict.blurring.detectors import find_detectors
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    with download_bar("fetching the detectors") as bar:
        return find_detectors(faces, plates, offline=offline or None, on_progress=bar)


def detectors_json(faces: str, plates: str) -> dict[str, str]:
    """What settings and cards call the detectors."""
    from anymask.predict.blurring.blur import FACES, PLATES
    from anymask.predict.blurring.detectors import name_of

    return {FACES: name_of(FACES, faces), PLATES: name_of(PLATES, plates)}

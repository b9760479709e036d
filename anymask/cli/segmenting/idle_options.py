"""Options of ``anymask segment`` that would change nothing: refused, or a note where harmless."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from anymask.cli.segmenting.answers import Rendering
from anymask.cli.segmenting.targets import Format


def idle_notes(
    form: Format | None,
    picture: Rendering | None,
    all_masks: bool,
    clean: bool | None,
    as_json: bool,
    objects_of_images: Sequence[int],
) -> Iterator[str]:
    """Notes on options that are as things are anyway.

    form: of what is written; None for nothing. as_json: whether records are printed.
    objects_of_images: how many objects each image is asked for.

    Raises ``BadParameter`` for an option that asks for something else than what comes.
    """
    is_picture, is_overlay = form == Format.png, picture in (None, Rendering.overlay)
    if picture is not None and not is_picture:
        raise typer.BadParameter(f"--picture {picture} changes nothing: no .png is written")
    only_picture = is_picture and not as_json
    if all_masks and only_picture and not (is_overlay and min(objects_of_images) == 1):
        raise typer.BadParameter(
            "--all-masks changes nothing in a picture of the best mask of each object; "
            "write .json or .npz"
        )
    if clean and only_picture and is_overlay:
        yield "a picture over the image is clean without --clean"
    if clean is False and not (is_picture and is_overlay):
        yield "data are as the model gives them without --no-clean"

"""``anymask segment``: one image, one prompt or several, masks out."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from anymask.cli.options import (
    BandsOption,
    DeviceOption,
    DtypeOption,
    OfflineOption,
    PageOption,
    WeightsOption,
    WindowOption,
    read_options,
)
from anymask.cli.progress import download_bar
from anymask.core.atomic import writing
from anymask.core.image import RGB, read_image, read_mask
from anymask.core.prompts import Prompts
from anymask.core.rough import rough_prompts
from anymask.errors import OutputError, PromptError

if TYPE_CHECKING:
    from PIL import Image

    from anymask.core.masks import Masks

ENDINGS = (".png", ".json", ".npz")


class Rendering(StrEnum):
    """How a ``.png`` shows the masks: over the image, alone, or as the object cut out."""

    overlay = "overlay"
    mask = "mask"
    cutout = "cutout"


def segment(
    image: Annotated[Path, typer.Argument(help="The image file.", show_default=False)],
    point: Annotated[
        list[str],
        typer.Option(
            help="X,Y of the object in pixels; X,Y,0 for what does not belong to it. "
            "Several points are about one object.",
            metavar="X,Y[,0|1]",
            show_default=False,
        ),
    ] = [],  # noqa: B006 (typer copies it)
    box: Annotated[
        list[str],
        typer.Option(
            help="Box around the object. Several boxes are several objects.",
            metavar="X0,Y0,X1,Y1",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    mask: Annotated[
        list[Path],
        typer.Option(
            help="Rough mask of the object: a picture as large as the image, white on black.",
            metavar="PNG",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    weights: WeightsOption = "mobile-sam",
    all_masks: Annotated[
        bool, typer.Option("--all-masks", help="Three masks for each prompt, best first.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where to write. The ending decides: .png picture, .json SA-1B record, "
            ".npz arrays. Without it, IMAGE_mask.png in this folder.",
            show_default=False,
        ),
    ] = None,
    picture: Annotated[
        Rendering,
        typer.Option(
            help="What a .png shows: masks over the image, a mask alone (white on black), or the "
            "object cut out."
        ),
    ] = Rendering.overlay,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the SA-1B record on standard output.")
    ] = False,
    page: PageOption = None,
    bands: BandsOption = None,
    window: WindowOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    offline: OfflineOption = False,
) -> None:
    """Segment what the points, boxes and rough masks point at.

    A single click may mean a part or the whole: its picture shows three masks with their scores.
    """
    target = _target(image, out, json_)
    sparse = _sparse_prompts(
        [_point(text) for text in point], [_box(text) for text in box], len(mask)
    )
    pixels = read_image(image, options=read_options(page, bands, window))
    hw = (pixels.shape[0], pixels.shape[1])
    if sparse is not None:
        sparse.check_inside(hw)  # before anything that takes time
    rough = np.stack([_rough_mask(path, hw) for path in mask]) if mask else None

    from anymask.predict.load import load

    with download_bar(f"fetching {weights}") as bar:
        sam = load(weights, device=device, dtype=dtype, offline=offline or None, on_progress=bar)
    embedding = sam.encode(pixels)
    prompts = sparse if rough is None else rough_prompts(rough, embedding.resize_map, sparse)
    assert prompts is not None
    all_answers = sam.predict(embedding, prompts, True if all_masks else None)
    masks = all_answers if all_masks else all_answers.best()
    if target is not None:
        # An overlay shows every mask of an ambiguous prompt.
        is_overlay = target.suffix == ".png" and picture == Rendering.overlay
        _write(target, picture, pixels, all_answers if is_overlay else masks, prompts, image.name)
        typer.echo(str(target), err=json_)
    if json_:
        typer.echo(json.dumps(masks.annotations(prompts).record(image.name)))


def _target(image: Path, out: Path | None, json_: bool) -> Path | None:
    """Where to write, checked before any work is done."""
    if out is None:
        return None if json_ else Path(f"{image.stem}_mask.png")
    if out.suffix not in ENDINGS:
        raise typer.BadParameter(f"--out {out} must end in one of {', '.join(ENDINGS)}")
    if not out.parent.is_dir():
        raise OutputError(f"there is no folder {out.parent} to write {out.name} to")
    return out


def _point(text: str) -> list[float]:
    values = _numbers(text)
    if len(values) not in (2, 3) or values[2:] not in ([], [0], [1]):
        raise typer.BadParameter(f"--point {text} is not of the form 120,80 or 120,80,0")
    return values


def _box(text: str) -> list[float]:
    values = _numbers(text)
    if len(values) != 4:
        raise typer.BadParameter(f"--box {text} is not of the form 10,20,200,180")
    return values


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []


def _sparse_prompts(
    points: list[list[float]], boxes: list[list[float]], masks: int
) -> Prompts | None:
    """One prompt of all points and a box, or one for each box; None if there are only masks (§3).

    points: X, Y and perhaps a label each; masks: how many rough masks go with them. Raises
    ``BadParameter`` for what can't be paired.
    """
    if not (points or boxes or masks):
        raise typer.BadParameter("say what to segment: --point, --box or --mask")
    if points and max(len(boxes), masks) > 1:
        raise typer.BadParameter("points go with one box or mask; several are several objects")
    if boxes and masks and len(boxes) != masks:
        raise typer.BadParameter(f"{len(boxes)} boxes and {masks} masks can't be paired")
    if not points:
        return Prompts.of_boxes(boxes) if boxes else None
    labels = [int((*point, 1)[2]) for point in points]
    clicks = Prompts.of_points([point[:2] for point in points], labels)
    return clicks.with_boxes(boxes) if boxes else clicks


def _rough_mask(path: Path, hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    mask = read_mask(path)
    if mask.shape != hw:
        raise PromptError(
            f"the mask {path} is {mask.shape[1]}×{mask.shape[0]}, but the image is {hw[1]}×{hw[0]}"
        )
    return mask


def _write(
    target: Path, rendering: Rendering, image: RGB, masks: Masks, prompts: Prompts, name: str
) -> None:
    with writing(target) as part:
        if target.suffix == ".json":
            content = masks.annotations(prompts).record(name)
            part.write_text(json.dumps(content) + "\n")
        elif target.suffix == ".npz":
            arrays: dict[str, Any] = {
                "masks": masks.to_bool(),
                "predicted_iou": masks.predicted_iou,
            }
            with part.open("wb") as file:
                np.savez_compressed(file, **arrays)
        else:
            _draw(rendering, image, masks, prompts).save(part, format="PNG")


def _draw(rendering: Rendering, image: RGB, masks: Masks, prompts: Prompts) -> Image.Image:
    from anymask.core.drawing.plain_masks import cut_out, white_on_black

    if rendering == Rendering.mask:
        return white_on_black(masks.best().to_bool()[:, 0])
    if rendering == Rendering.cutout:
        return cut_out(image, masks.best().to_bool()[:, 0])
    return masks.draw(image, prompts)

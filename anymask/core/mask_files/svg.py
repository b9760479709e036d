"""SVG of the masks of one image: a path each, over the image if it is linked."""

from __future__ import annotations

from html import escape

from anymask.core import rle
from anymask.core.drawing.colours import Colour, colour
from anymask.core.mask_files.sa1b import Annotation, Record
from anymask.core.regions.rings import Corners, regions_of


def svg_file(record: Record, href: str | None = None) -> str:
    """A picture as large as the image, large masks below small ones.

    href: where the image is, as the picture's readers find it; None for masks alone. Holes are
    holes by the rule "evenodd". A path's ``id`` is ``mask-<id>``.
    """
    width, height = record["image"]["width"], record["image"]["height"]
    by_area = sorted(record["annotations"], key=lambda annotation: -annotation["area"])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">',
        f"<title>{escape(record['image']['file_name'])}</title>",
        *([_image(href, width, height)] if href else []),
        '<g fill-rule="evenodd" fill-opacity="0.4" stroke-width="1.5">',
        *(_path(annotation, colour(rank)) for rank, annotation in enumerate(by_area)),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _image(href: str, width: int, height: int) -> str:
    # Masks are of the image as it is shown, so an orientation in its EXIF is followed.
    return (
        f'<image href="{escape(href)}" width="{width}" height="{height}" '
        'preserveAspectRatio="none" style="image-orientation:from-image" />'
    )


def _path(annotation: Annotation, rgb: Colour) -> str:
    number = annotation["id"]
    regions = regions_of(*rle.decode_tight(annotation["segmentation"]))
    rings = [ring for region in regions for ring in (region.outer, *region.holes)]
    fill = f"#{bytes(rgb).hex()}"
    title = f"{number}: predicted IoU {annotation['predicted_iou']:.3f}"
    return (
        f'<path id="mask-{number}" fill="{fill}" stroke="{fill}" '
        f'vector-effect="non-scaling-stroke" d="{"".join(map(_steps, rings))}">'
        f"<title>{title}</title></path>"
    )


def _steps(ring: Corners) -> str:
    """A ring of level and upright steps, by turns."""
    vertices: list[list[int]] = ring.tolist()
    before = vertices[0]
    steps = [f"M{before[0]} {before[1]}"]
    for x, y in vertices[1:]:
        steps.append(f"H{x}" if y == before[1] else f"V{y}")
        before = [x, y]
    return "".join(steps) + "Z"

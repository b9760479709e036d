"""Words against masks of everything: is the thing that a word names found, and is it there at all?

    .venv/bin/python benchmarks/words_masks.py DATA --keep FOLDER [--adapter FILE] [--fit] [--write]

DATA holds ``coco446``. Candidates are masks of everything in an image; true masks only judge. A
question is an image and the name of a category that it has, of objects that are no crowd and at
least 16 px either way; right is an answer whose IoU with such an object is 0.5 or more.

Images whose licence lets anybody pass on what is made of them are learned from: all of their
objects, and of ``BACKGROUNDS`` the masks that are no object, as "no thing". The others, in a random
order, are divided: the first 100 are asked about; of the next 140 those of ``CALIBRATED`` fitted
how likeness is weighed beside size, contrast and the rest, and from which chance on a thing is
there (``--fit`` does it again and prints the numbers). Six times another 15 categories are left out
of what is learned, *unseen*. ± is half of the 95% interval of a bootstrap over images; "over the
largest" is of the same images. Presence asks all 80 names about every image; "half" is its
precision were half of what is asked there.

``--keep`` remembers what is seen of an image; ``--kept`` measures the images alone that it has.
``--adapter`` writes what all names teach, which is the shipped one; the rows of its own are asked
with it. Choices of this file (what is weighed, and that "no thing" is learned) were made with the
numbers of ``CALIBRATED`` and of about forty of the images that are asked about in view.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pycocotools.coco import COCO
from words import SEED, Objects, Split, Ways, asked_about, free, learn, read_objects
from words_tables import RIGHT, Question, presence, table

from anymask.core import rle
from anymask.core.annotations import Annotations
from anymask.core.geometry import Floats
from anymask.core.image import read_image
from anymask.core.words.named_things import NamedThings, features_of
from anymask.core.words.objects import ShownObject
from anymask.core.words.wholes import Measures, Weighing, contrast_of
from anymask.predict.in_context.semantic import DinoEncoder
from anymask.predict.predictor import load
from anymask.predict.words.answer import annotation
from anymask.predict.words.candidates import everything, worth_a_look
from anymask.predict.words.names import (
    ADAPTER,
    BY_NAMES,
    CLASSIFIER,
    classified,
    likeness,
    nearness_to_named,
)
from anymask.weights.efficientnet import load_efficientnet
from anymask.weights.fetch import fetch_row
from anymask.weights.registry import find

from machine import describe

TESTED, ORDER = 100, 18


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


BACKGROUNDS = _numbers(
    "30 72 73 86 89 127 309 370 471 529 542 599 629 636 62554 121647 126107 204805 214753 "
    "234748 358083 377575 423617 547336"
)
CALIBRATED = _numbers(
    "25 77 110 257 349 502 510 532 581 597 612 620 643 8193 18575 22892 63217 84533 89232 "
    "92660 106497 139270 155341 174231 187334 204802 205401 211891 229997 252639 318080 "
    "332078 353072 415748 420862 499716 519611"
)
IS_THING, IS_NO_THING, NO_THING_PX = 0.6, 0.3, 200
SPECIFICITY = 0.95  # of names that are not there, those that nothing is found for
PARTS = ("classifier", "semantic", "shapes")

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Seen:
    """What is known of an image's N masks, as ``Objects`` has it of objects, and their measures."""

    masks: Annotations
    classifier: Floats
    semantic: Floats
    shapes: Floats
    measures: Measures

    def features(self) -> Floats:
        """(N, C) as the adapter reads them."""
        return features_of(self.classifier, self.semantic, self.shapes)


class Looking:
    """What is seen of images, from files where they are there, and the models when needed."""

    def __init__(self, coco: COCO, folder: Path, keep: Path) -> None:
        self.coco, self.folder, self.keep = coco, folder, keep
        self._models: Any = None

    def is_kept(self, image: int) -> bool:
        """Whether it has been looked at."""
        return (self.keep / f"{image}.npz").exists()

    def seen(self, image: int) -> Seen:
        """An image's masks, with their features."""
        path = self.keep / f"{image}.npz"
        held = dict(np.load(path)) if path.exists() else self._look(image, path)
        runs = [
            rle.RLE(size=one["size"], counts=one["counts"]) for one in json.loads(str(held["runs"]))
        ]
        info = self.coco.imgs[image]
        image_hw = info["height"], info["width"]
        masks = [annotation(one, float(sure)) for one, sure in zip(runs, held["sure"])]
        numbered = [{**one, "id": number} for number, one in enumerate(masks)]
        found = worth_a_look(Annotations(numbered, image_hw))  # type: ignore[arg-type]
        kept = [one["id"] for one in found]
        parts = [held[name].astype(np.float32)[kept] for name in PARTS]
        segmentations = [one["segmentation"] for one in found]
        measures = Measures.of_runs(segmentations, held["sure"][kept], held["contrast"][kept])
        return Seen(found, parts[0], parts[1], parts[2], measures)

    def _look(self, image: int, path: Path) -> dict[str, Any]:
        if self._models is None:
            classifier = load_efficientnet(next(iter(fetch_row(find(CLASSIFIER)).values())))
            self._models = load(), DinoEncoder.load(), classifier
        sam, dino, classifier = self._models
        pixels = read_image(self.folder / "images" / self.coco.imgs[image]["file_name"])
        found = everything(sam, sam.encode(pixels))
        features = dino.features(pixels)
        decoded = [np.asarray(rle.decode(one["segmentation"]), bool) for one in found]
        objects = [ShownObject.of_mask(pixels, mask, features) for mask in decoded]
        held = {
            "runs": np.array(json.dumps([one["segmentation"] for one in found])),
            "sure": np.array([one["predicted_iou"] for one in found], np.float32),
            "contrast": np.array([contrast_of(mask, features) for mask in decoded], np.float32),
            "classifier": classified(classifier, [one.pixels for one in objects])[0],
            "semantic": np.stack([one.semantic for one in objects]),
            "shapes": np.stack([one.shape for one in objects]),
        }
        np.savez(path, **held)  # type: ignore[arg-type]
        return held


def no_things(looking: Looking, coco: COCO, images: Sequence[int]) -> Objects:
    """Masks of images that are objects, and those that are none, of category -1."""
    numbers = {one: place for place, one in enumerate(sorted(coco.cats))}
    parts: dict[str, list[Any]] = {name: [] for name in Objects.__annotations__}
    for image in images:
        seen, objects = looking.seen(image), coco.imgToAnns[image]
        overlaps = overlaps_with(coco, seen, objects)
        best = overlaps.argmax(axis=1) if objects else np.zeros(len(seen.masks), int)
        for place, one in enumerate(seen.masks):
            most = overlaps[place].max(initial=0.0)
            if one["area"] < NO_THING_PX or IS_NO_THING <= most < IS_THING:
                continue
            if most >= IS_THING and objects[best[place]]["iscrowd"]:
                continue
            is_thing = most >= IS_THING
            category = numbers[objects[best[place]]["category_id"]] if is_thing else -1
            for name in PARTS:
                parts[name].append(getattr(seen, name)[place])
            parts["categories"].append(category)
            parts["images"].append(image)
    return Objects(**{name: np.array(each) for name, each in parts.items()})


def overlaps_with(coco: COCO, seen: Seen, objects: Sequence[dict[str, Any]]) -> Floats:
    """(N, objects) IoU."""
    runs = [coco.annToRLE(one) for one in objects]
    true = [rle.RLE(size=[*one["size"]], counts=one["counts"].decode()) for one in runs]
    found = [one["segmentation"] for one in seen.masks]
    return np.asarray(rle.iou(found, true), np.float32).reshape(len(found), len(true))


def questions(
    ways: Ways, looking: Looking, things: NamedThings, split: Split, images: Sequence[int]
) -> Iterator[Question]:
    """Every name about every image, but for names of which it has a crowd or tiny ones alone."""
    coco, near = looking.coco, nearness_to_named(ways.words.names(things.names), ways.names)
    words = np.concatenate([ways.near, near], axis=1)
    for image in images:
        seen, objects = looking.seen(image), asked_about(looking.coco, image)
        overlaps = overlaps_with(coco, seen, objects)
        embedded = [ways.classes(seen.classifier), things.shares(seen.features())]
        scores = likeness(np.concatenate(embedded, axis=1), words)
        any_of = {one["category_id"] for one in coco.imgToAnns[image]}
        for place, category in enumerate(sorted(coco.cats)):
            own = np.array([one["category_id"] == category for one in objects], bool)
            if own.any() or category not in any_of:
                evidence = seen.measures.evidence(scores[:, place])
                best = overlaps[:, own].max(axis=1, initial=0.0)
                is_unseen = place in split.left_out
                areas = seen.measures.areas
                yield Question(image, is_unseen, bool(own.any()), evidence, best, areas)


def fitted(asked: Sequence[Question]) -> Weighing:
    """Which masks are right, by logistic regression; then its best chance as one of presence.

    The latter as if half of what is asked were there.
    """
    evidence = np.concatenate([one.evidence for one in asked])
    right = np.concatenate([one.overlaps >= RIGHT for one in asked])
    weights, offset = logistic(evidence, right, np.ones(len(right)))
    best = np.array([(one.evidence @ weights).max() + offset for one in asked])
    there = np.array([one.there for one in asked])
    even = np.where(there, 0.5 / there.mean(), 0.5 / (1 - there.mean()))
    scale, shift = logistic(best[:, None], there, even)
    least = 1 / (1 + np.exp(-(scale[0] * np.quantile(best[~there], SPECIFICITY) + shift)))
    rounded = tuple(round(float(one), 3) for one in weights * scale[0])
    return Weighing(rounded, round(float(offset * scale[0] + shift), 3), round(float(least), 2))


def logistic(
    values: Floats, right: Bools, weights: npt.NDArray[np.floating]
) -> tuple[Floats, float]:
    """(f,) and an offset."""
    centre, spread = values.mean(axis=0), values.std(axis=0) + 1e-6
    known = torch.tensor((values - centre) / spread, dtype=torch.float64)
    target, weigh = (torch.tensor(np.asarray(one, np.float64)) for one in (right, weights))
    free_numbers = torch.zeros(values.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([free_numbers], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        odds = known @ free_numbers[:-1] + free_numbers[-1]
        each = torch.nn.functional.binary_cross_entropy_with_logits(odds, target, weigh)
        whole: torch.Tensor = each + 1e-6 * (free_numbers[:-1] ** 2).sum()
        whole.backward()
        return whole

    optimiser.step(loss)
    found = free_numbers.detach().numpy()
    slopes = np.asarray(found[:-1] / spread, np.float32)
    return slopes, float(found[-1] - slopes @ centre)


def shipped_weighings() -> dict[bool, Weighing]:
    """By whether a name is unseen."""
    named, other = np.zeros(1002, np.float32), np.ones(1002, np.float32)
    named[-1] = 1
    return {False: BY_NAMES.weighing(named), True: BY_NAMES.weighing(other)}


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--kept", action="store_true", help="only images that are kept")
    parser.add_argument("--adapter", type=Path, help="write what free images teach, all names")
    parser.add_argument("--fit", action="store_true", help="print the weighing that fits")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.data / "coco446"
    coco = COCO(folder / "instances.json")
    names = tuple(coco.cats[number]["name"] for number in sorted(coco.cats))
    for kept in (arguments.keep / "objects", arguments.keep / "masks"):
        kept.mkdir(parents=True, exist_ok=True)
    looking = Looking(coco, folder, arguments.keep / "masks")
    objects = read_objects(coco, folder, arguments.keep / "objects")
    ways, splits = Ways(objects, names), list(free(coco, SEED))
    grounds = no_things(looking, coco, BACKGROUNDS)
    if arguments.adapter:
        every = Split(splits[0].learned, frozenset(), frozenset())
        learn(objects, names, every, grounds).write(arguments.adapter)
    others = np.random.default_rng(ORDER).permutation(sorted(set(coco.imgs) - splits[0].learned))
    tested = [int(one) for one in others[:TESTED]]
    if arguments.kept:
        tested = [one for one in tested if looking.is_kept(one)]
    things = [learn(objects, names, split, grounds) for split in splits]

    def asked(images: Sequence[int]) -> list[Question]:
        each = zip(things, splits)
        return [
            one for thing, split in each for one in questions(ways, looking, thing, split, images)
        ]

    weighings = shipped_weighings()
    if arguments.fit:
        known = asked(CALIBRATED)
        for unseen in weighings:
            weighings[unseen] = fitted([one for one in known if one.unseen == unseen])
            print("OTHER" if unseen else "NAMED", "=", weighings[unseen], flush=True)
    answers = [(one, weighings[one.unseen]) for one in asked(tested)]
    shipped = NamedThings.read(arguments.adapter or ADAPTER)
    nameless = frozenset(place for place, name in enumerate(names) if name not in shipped.names)
    itself = Split(splits[0].learned, frozenset(tested), nameless)
    own = [
        (one, weighings[one.unseen]) for one in questions(ways, looking, shipped, itself, tested)
    ]
    text = "\n\n".join(
        [
            describe(1),
            f"{len(tested)} images, six times 15 categories left out:",
            table(answers),
            presence(answers),
            f"The shipped adapter, {len(shipped.names)} names:",
            table(own),
            presence(own),
        ]
    )
    print(text)
    if arguments.write:
        day = time.strftime("%Y-%m-%d")
        command = f"benchmarks/words_masks.py DATA{' --kept' if arguments.kept else ''}"
        head = f"# Words against masks of everything, {day}\n\n`{command}`"
        path = Path(__file__).resolve().parent / "results" / f"{day}-words-masks.md"
        path.write_text(f"{head}\n\n{text}\n")


if __name__ == "__main__":
    main()

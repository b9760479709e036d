"""The sets that a decoder learns from and is judged by: halves, licences, true masks.

    .venv/bin/python benchmarks/distill_sets.py DATA OUT [--all] [--most 60]

Writes two folders of SA-1B records with their images: ``OUT/learn``, in it a folder a set, and
``OUT/choose``, the two halves of COCO's, the nuclei's and the clothes' photographs, then
``OUT/mixture.json``, by which the sets are learned from as often as ``WEIGHTS`` say, and
``OUT/licences.json``. Which half
an image is in, a hash of its name decides. Of COCO's only photographs are learned from whose own
licence lets anybody change them and use them for anything. ``--all``: learn from halves of the
other sets, too, and from all of COCO's, whatever its licence: for nothing that is given to
anybody.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.io import loadmat

from anymask.core import rle
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample

# Of COCO's licences: BY, BY-SA, no known restrictions, a work of the United States' government.
FREE_COCO = (4, 5, 7, 8)
CHOICE = {"coco446": "coco446", "dsb60": "dsb60/stage1_train", "ccp120": "ccp120"}
UNSEEN = ("ecssd250", "davis4", "camvid40", "grabcut20", "bsds500")
DAVIS_EVERY = 5
# Clothes are parts, of which a few teach enough: more of them, and salient objects fall apart.
WEIGHTS = {"coco446": 1.0, "dsb60": 0.5, "ccp120": 0.01}


def is_first_half(name: str) -> bool:
    """Which half an image is in, by its name."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


def stem_of(name: str) -> str:
    """What tells an image from the others of its set."""
    return Path(name).stem


def read(data: Path, which: str) -> Iterator[Sample]:
    """The samples of a set in order of their names."""
    if which in ("grabcut20", "bsds500"):
        yield from (_grabcut if which == "grabcut20" else _bsds)(data)
        return
    split = which in ("ccp120", "camvid40")
    dataset = open_dataset(str(data / CHOICE.get(which, which)), split_regions=split)
    for number, part in enumerate(sorted(dataset.parts, key=lambda part: part.name)):
        if which == "davis4" and number % DAVIS_EVERY:
            continue
        for sample in part.samples():
            if isinstance(sample, Sample):
                yield sample


def _grabcut(data: Path) -> Iterator[Sample]:
    """One object each; pixels at its border that nobody decided about are taken for none of it."""
    for path in sorted((data / "grabcut20" / "ground-truth").glob("*.png")):
        (photo,) = (data / "bsds500" / "images").rglob(f"{path.stem}.jpg")
        yield _sample(f"grabcut20/{path.stem}", photo, [read_mask_of(path)])


def read_mask_of(path: Path) -> npt.NDArray[np.bool_]:
    """A trimap's certain pixels."""
    return np.asarray(np.asarray(Image.open(path).convert("L")) == 255)


def _bsds(data: Path) -> Iterator[Sample]:
    """The validation images' regions, of the annotator who drew most."""
    for path in sorted((data / "bsds500" / "groundTruth" / "val").glob("*.mat")):
        (photo,) = (data / "bsds500" / "images").rglob(f"{path.stem}.jpg")
        drawn = loadmat(path)["groundTruth"][0]
        labels = max((one["Segmentation"][0, 0] for one in drawn), key=lambda one: int(one.max()))
        masks = [labels == label for label in np.unique(labels)]
        yield _sample(f"bsds500/{path.stem}", photo, masks)


def _sample(name: str, photo: Path, masks: list[npt.NDArray[np.bool_]]) -> Sample:
    encoded = tuple(rle.encode(mask) for mask in masks)
    return Sample(name, photo.read_bytes(), encoded, (None,) * len(encoded))


def coco_licences(data: Path) -> dict[str, int]:
    """The licence's number of each of COCO's photographs."""
    content = json.loads((data / "coco446" / "instances.json").read_text())
    return {Path(image["file_name"]).stem: image["license"] for image in content["images"]}


def put(folder: Path, which: str, sample: Sample) -> None:
    """An image with its SA-1B record."""
    folder.mkdir(parents=True, exist_ok=True)
    ending = "png" if sample.content[:4] == b"\x89PNG" else "jpg"
    name = f"{which}-{stem_of(sample.name)[:40]}"
    (folder / f"{name}.{ending}").write_bytes(sample.content)
    height, width = sample.masks[0]["size"]
    image = {"file_name": f"{name}.{ending}", "height": height, "width": width}
    annotations = [
        {"id": number, "segmentation": mask, "area": rle.area(mask), "bbox": rle.bbox_xywh(mask)}
        for number, mask in enumerate(sample.masks)
        if sample.is_object[number] and rle.area(mask)
    ]
    record = {"image": image, "annotations": annotations}
    (folder / f"{name}.json").write_text(json.dumps(record, default=float))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--most", type=int, default=60)
    asked = parser.parse_args()
    licence, learned = coco_licences(asked.data), dict[str, list[list[object]]]()
    for which in (*CHOICE, *(UNSEEN if asked.all else ())):
        halves: tuple[list[Sample], list[Sample]] = ([], [])
        for sample in read(asked.data, which):
            halves[0 if is_first_half(stem_of(sample.name)) else 1].append(sample)
        free = [
            sample
            for sample in halves[0]
            if asked.all or which != "coco446" or licence[stem_of(sample.name)] in FREE_COCO
        ]
        for sample in islice(free, asked.most):
            put(asked.out / "learn" / which, which, sample)
            number = licence[stem_of(sample.name)] if which == "coco446" else None
            learned.setdefault(which, []).append([stem_of(sample.name), number])
        if which in CHOICE:
            for sample in halves[1]:
                put(asked.out / "choose", which, sample)
        print(which, len(halves[0]), "in the first half,", len(learned.get(which, [])), "learned")
    (asked.out / "licences.json").write_text(json.dumps(learned, indent=1) + "\n")
    mixture = [{"data": f"learn/{name}", "weight": WEIGHTS.get(name, 1.0)} for name in learned]
    (asked.out / "mixture.json").write_text(json.dumps({"mixture": mixture}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Words as a token of SAM's prompt: learned in an hour of a processor, and what it is worth.

    .venv/bin/python benchmarks/text_token.py DATA --keep F [--model RUN] [--set FIELD=VALUE …]
        [--images 100] [--write]

``anymask train text_prompts`` learns from half of coco446 without 15 categories, the first half of
``words.py``, with an adapter of names that has learned from the same. The other half is asked about
by the names of its categories: right is an answer that has an IoU of 0.5 or more with an object of
the category. *Seen* are the categories that were learned, *unseen* the 15. A control asks each
question with the name of a category that the image does not have.

Then one object of each question is meant, the largest of its category: by words, by words and a
click on what is wrong with the answer, by words and a click on the object's middle, and by that
click alone.

F keeps embeddings, crops, the run and answers; --model: a run that is there already; --set:
other numbers than the recipe's. --images: of the other half, in the order of their numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from text_token_set import Question
from words import asked_about

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.interaction import next_click
from anymask.core.metrics import mask_iou
from anymask.core.prompts import Prompts
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.evaluation.measures.bootstrap import Bootstrap
from anymask.predict.predictor import Predictor, load
from anymask.predict.words.sentence_space import SentenceSpace
from anymask.predict.words.token import TokenPredictor
from anymask.training.families import find_recipe
from anymask.training.frozen.embeddings import Embeddings
from anymask.weights.load import load_checkpoint

from machine import describe

Row = dict[str, Any]
Mask = npt.NDArray[np.bool_]
HERE = Path(__file__).resolve().parent
OLD = "mobile-sam"
HIT = 0.5
PLACES = ("text_encoder", "cache", "log_every", "validate_every", "save_every")


@dataclass(frozen=True, eq=False)
class Asked:
    """An image: objects (n, H, W) of each category of it, by the category's number from 0."""

    name: str
    embedding: ImageEmbedding
    objects: dict[int, Mask]


def trained(question: Question, more: list[str]) -> Path:
    """Run the command, with more settings; gives the run's folder."""
    question.embed_crops()
    out = question.keep / "run"
    settings = [f"text_encoder={question.adapter()}", f"cache={question.keep / 'embeddings'}"]
    options = [word for one in (*settings, *more) for word in ("--set", one)]
    data = ["--data", str(question.learning()), "--out", str(out)]
    command = [sys.executable, "-m", "anymask", "train", "text_prompts", *data, *options]
    subprocess.run(command, check=True)
    return out


def course(run: Path) -> str:
    """How a checkpoint came about: steps, and the numbers that are not the recipe's."""
    made_by = json.loads((run / "config.json").read_text())["made_by"]
    plain, usual = made_by["recipe"], json.loads(json.dumps(find_recipe("text_prompts").to_json()))
    other = {k: v for k, v in plain.items() if k not in PLACES and usual.get(k) != v}
    said = ", ".join(f"{name} {value}" for name, value in other.items())
    return f"{made_by['step']} steps of `anymask train text_prompts`{said and f' ({said})'}"


def asked(question: Question, count: int) -> Iterator[Asked]:
    """So many images of the other half."""
    coco, kept = (
        question.coco,
        Embeddings(Predictor(load_checkpoint(OLD)), question.keep / "embeddings"),
    )
    numbers = {one: place for place, one in enumerate(sorted(coco.cats))}
    wanted = {coco.imgs[one]["file_name"]: one for one in sorted(question.split.asked)[:count]}
    for part in open_dataset(str(question.data / "coco446")).parts:
        if Path(part.name).name not in wanted:
            continue
        for sample in part.read():
            if not isinstance(sample, Sample):
                continue
            found: dict[int, list[Mask]] = {}
            for one in asked_about(coco, wanted[Path(part.name).name]):
                found.setdefault(numbers[one["category_id"]], []).append(
                    coco.annToMask(one).astype(bool)
                )
            objects = {number: np.stack(masks) for number, masks in found.items()}
            if objects:
                yield Asked(part.name, kept.embedding(sample), objects)


def rows(question: Question, reader: TokenPredictor, one: Asked, old: Predictor) -> list[Row]:
    """What each question about an image gives."""
    rng = np.random.default_rng(zlib.crc32(one.name.encode()))
    categories = sorted(one.objects)
    absent = [number for number in range(len(question.names)) if number not in one.objects]
    others = rng.choice(absent, len(categories)).tolist()
    own = replace(one.embedding, model=reader.sam.model_id)
    said = [question.names[number] for number in (*categories, *others)]
    words = reader.prompts(said)
    answers = reader.sam.predict(own, words)
    masks = answers.to_bool()
    told, found = words[np.arange(len(categories))], len(categories)
    truths = [largest(one.objects[number]) for number in categories]
    middles = clicked(truths, [None] * found)
    errors = clicked(truths, [mask[0] for mask in masks[:found]])
    alone = Prompts.of_points(*middles)
    corrected = told.with_points(*errors).with_masks(answers.logits[:found, 0])
    given = {
        "text_point": reader.sam.predict(own, corrected),
        "text_middle": reader.sam.predict(own, told.with_points(*middles)),
        "point": reader.sam.predict(own, alone),
        "old_point": old.predict(one.embedding, alone),
    }
    pixels = {name: answer.to_bool()[:, 0] for name, answer in given.items()}
    out: list[Row] = []
    for place, number in enumerate(categories):
        objects, three = one.objects[number], masks[place]
        whole = {name: iou(each[place], truths[place]) for name, each in pixels.items()}
        row = {
            "iou": best_iou(three[0], objects),
            "iou_of_three": max(best_iou(mask, objects) for mask in three),
            "control": best_iou(masks[found + place, 0], objects),
            "text": iou(three[0], truths[place]),
        }
        unseen = number in question.split.left_out
        out.append({**row, **whole, "image": one.name, "unseen": unseen})
    return out


def clicked(truths: Sequence[Mask], masks: Sequence[Mask | None]) -> tuple[Floats, Any]:
    """A click on each object, or on what is wrong with a mask: (P, 1, 2) and (P, 1)."""
    clicks = [next_click(truth, mask) for truth, mask in zip(truths, masks)]
    points = np.array([point for point, _ in clicks], np.float32)
    return points[:, None] + 0.5, np.array([[label] for _, label in clicks])


def largest(objects: Mask) -> Mask:
    """(H, W) of (n, H, W)."""
    found: Mask = objects[objects.sum(axis=(1, 2)).argmax()]
    return found


def iou(mask: Mask, truth: Mask) -> float:
    """Of two (H, W)."""
    return float(mask_iou(mask, truth))


def best_iou(mask: Mask, objects: Mask) -> float:
    """With the object (n, H, W) that a mask fits best."""
    return float(mask_iou(mask[None], objects).max())


def line(name: str, every: Sequence[Row], value: Any) -> str:
    """Means in %, of seen and of unseen categories, with 95 % intervals over images."""
    cells = []
    for unseen in (False, True):
        some = [row for row in every if row["unseen"] == unseen]
        values = np.array([value(row) for row in some], float)
        mean = Bootstrap().mean(values, [row["image"] for row in some])
        cells.append(f"{100 * mean.mean:.1f} ({100 * mean.low:.1f} to {100 * mean.high:.1f})")
    return f"| {name} | {' | '.join(cells)} |"


def tables(every: Sequence[Row]) -> str:
    """Markdown."""
    counts = [sum(row["unseen"] == unseen for row in every) for unseen in (False, True)]
    head = f"| | seen ({counts[0]} questions) | unseen ({counts[1]}) |\n|---|---|---|"
    lines = [
        head,
        line("recall at 1, IoU 0.5", every, lambda row: row["iou"] >= HIT),
        line("… with the name of something else", every, lambda row: row["control"] >= HIT),
        line("… of the best of three masks", every, lambda row: row["iou_of_three"] >= HIT),
        line("mIoU", every, lambda row: row["iou"]),
        line("… with the name of something else", every, lambda row: row["control"]),
        "",
        head,
        line("mIoU of the largest: words", every, lambda row: row["text"]),
        line("words, then a click on what is wrong", every, lambda row: row["text_point"]),
        line("more by the click", every, lambda row: row["text_point"] - row["text"]),
        line("words and a click on its middle", every, lambda row: row["text_middle"]),
        line("that click alone", every, lambda row: row["point"]),
        line("more by the words", every, lambda row: row["text_middle"] - row["point"]),
        line(f"that click alone, {OLD}", every, lambda row: row["old_point"]),
    ]
    return "\n".join(lines)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    question = Question.of(given.data, given.keep)
    run = given.model or trained(question, given.set)
    checkpoint = run / "last" if (run / "last").exists() else run
    encoder = SentenceSpace.load(question.adapter())
    reader, old = TokenPredictor(load(checkpoint), encoder), load(OLD)
    begin_s, every = time.process_time(), list[Row]()
    answers = given.keep / "answers" / reader.sam.model_id.rpartition("@")[2]
    answers.mkdir(parents=True, exist_ok=True)
    for one in asked(question, given.images):
        path = answers / f"{Path(one.name).stem}.json"
        if not path.exists():
            path.write_text(json.dumps(rows(question, reader, one, old)))
        every += json.loads(path.read_text())
        print(f"{len(every)} questions, {time.process_time() - begin_s:.0f} s", flush=True)
    images = len({row["image"] for row in every})
    text = f"{images} images, {len(every)} questions; %, 95 % intervals\n\n{tables(every)}"
    print(text)
    if given.write:
        day, threads = time.strftime("%Y-%m-%d"), int(os.environ.get("OMP_NUM_THREADS", "0"))
        head = f"# Words as a token of SAM's prompt\n\n{describe(threads)}"
        path = HERE / "results" / f"{day}-text-token.md"
        path.write_text(f"{head}\n\n{course(checkpoint)}\n\n{text}\n")


if __name__ == "__main__":
    main()

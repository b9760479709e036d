"""Questions that nobody asked, and a room to rate their masks in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.ratings.question import Question
from anymask.engine.rating.items import items_of
from anymask.engine.rating.journal import Journal
from anymask.engine.rating.room import Room, head_of

MODELS = ("first@1", "second@2")
HW = (60, 80)
SEED = 3


def question(number: int, models: tuple[str, ...] = MODELS, data: str = "set") -> Question:
    """A rectangle in the left upper quarter, and answers that are too wide."""
    truth = np.zeros(HW, bool)
    truth[4:20, 4 : 20 + number % 9] = True
    answers = {}
    for wider, model in enumerate(models, start=1):
        answer = truth.copy()
        answer[4:20, : 22 + number % 9 + 3 * wider] = True
        answers[model] = rle.encode(answer)
    return Question(data, f"images/{number}.png", 0, (10, 10), rle.encode(truth), answers)


def questions(count: int) -> list[Question]:
    return [question(number) for number in range(count)]


def save_set(folder: Path, count: int) -> Path:
    """The images and masks of the questions, as a dataset."""
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for asked in questions(count):
        name = asked.image.rpartition("/")[2]
        noise = rng.integers(0, 256, (*HW, 3), np.uint8)
        Image.fromarray(noise).save(folder / "images" / name)
        Image.fromarray(rle.decode(asked.truth).astype(np.uint8)).save(folder / "masks" / name)
    return folder


@pytest.fixture
def open_room(tmp_path: Path) -> Iterator[Callable[..., Room]]:
    """A room of so many questions; opened again, the one before is closed."""
    with ExitStack() as stack:

        def opened(count: int = 12, per_mask: int | None = None) -> Room:
            stack.close()
            items = items_of(questions(count), SEED)
            head = head_of(items, MODELS, SEED)
            journal = stack.enter_context(Journal(tmp_path / "ratings.jsonl", head))
            return Room(items, journal, SEED, per_mask)

        yield opened

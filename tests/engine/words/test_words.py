"""Words name masks in the open image, each with its label, or say why there are none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from anymask.core import rle
from anymask.core.words.crops import Pixels
from anymask.engine.api.workplace import Workplace
from anymask.engine.store.labels import add_labels
from anymask.engine.store.values import Label
from anymask.engine.words.finding import WordsSearch
from anymask.engine.words.naming import label_named
from anymask.errors import MissingExtraError
from anymask.predict.words.candidates import Candidates
from anymask.predict.words.kept_candidates import KeptCandidates
from anymask.predict.words.predictor import Embed
from tests.predict.words.by_colour import ColourPredictor

SIZE = (60, 40)  # of a.png, width and height
ASKED = "/api/images/1/words"


class Colours(ColourPredictor):
    """Looks at pixels, whatever embedding it is given; counts the embeddings that it asked for."""

    embedded = 0

    def candidates(self, pixels: Pixels, embed: Embed | None = None) -> Candidates:
        def asked() -> Any:
            assert embed is not None, "the tool's own embedding is taken"
            assert embed().image_hw == pixels.shape[:2]
            self.embedded += 1
            return pixels

        return super().candidates(pixels, asked)


@pytest.fixture
def colours(here: Workplace, photos: Path) -> Colours:
    """What finds colours in a.png: two red squares and a blue one."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[5:25, 2:20] = pixels[5:25, 40:58] = (255, 0, 0)
    pixels[5:25, 22:38] = (0, 0, 255)
    Image.fromarray(pixels).save(photos / "a.png")
    made = Colours()
    return answering(here, made)


def answering(here: Workplace, made: Colours) -> Colours:
    """The same, which the tool asks from now on."""
    object.__setattr__(here, "words", searching(here, lambda sam, cache: made))
    return made


def searching(here: Workplace, load: Any) -> WordsSearch:
    return WordsSearch(here.pictures, here.words._cache, load)


def asked(client: TestClient, text: str) -> Any:
    answer = client.post(ASKED, json={"text": text})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_masks_come_with_the_label_that_is_there_or_would_be_made(
    client: TestClient, here: Workplace, colours: Colours
) -> None:
    here.store.write(add_labels, ["Red"])
    found = asked(client, "two reds and the blue")
    assert [one["label"] for one in found["masks"]] == ["Red", "Red", "blue"]
    assert [one["label_id"] for one in found["masks"]] == [1, 1, None]
    assert [one["bbox"] for one in found["masks"][1:]] in (
        [[2, 5, 18, 20], [22, 5, 16, 20]],
        [[40, 5, 18, 20], [22, 5, 16, 20]],
    )
    for one in found["masks"]:
        assert one["area"] == rle.area(one["segmentation"])
    assert found["reasons"] == []
    assert "colours" in found["answered_by"]


def test_an_image_is_looked_at_once_whoever_asks(client: TestClient, colours: Colours) -> None:
    with ThreadPoolExecutor(4) as pool:
        several = [*pool.map(lambda text: asked(client, text), ["red", "blue"] * 4)]
    assert [len(one["masks"]) for one in several] == [2, 1] * 4
    assert (colours.looked, colours.embedded) == (1, 1)


def test_what_is_kept_of_an_image_takes_no_embedding(
    client: TestClient, here: Workplace, colours: Colours
) -> None:
    kept = KeptCandidates(here.words._cache, "squares@0 colours")
    for times in (1, 0):
        again = answering(here, Colours(kept))
        assert len(asked(client, "red")["masks"]) == 2
        assert (again.looked, again.embedded) == (times, times)


def test_where_nothing_matches_it_says_why_and_proposes_nothing(
    client: TestClient, colours: Colours
) -> None:
    for text in ("", "  ", "...", "\u200f"):
        answer = client.post(ASKED, json={"text": text})
        assert (answer.status_code, answer.json()["kind"]) == (422, "invalid")
        assert "letter" in answer.json()["error"]
    assert colours.looked == 0, "nothing is computed for no name"
    for text in ("green", "red " * 10_000, "אדום", "🐕", "rde"):
        found = asked(client, text)
        assert found["masks"] == []
        (reason,) = found["reasons"]
        assert "nothing is like" in reason


def test_without_the_extra_it_says_which_one(client: TestClient, here: Workplace) -> None:
    def load(sam: object, cache: Any) -> Any:
        raise MissingExtraError("tokenizers", "text")

    object.__setattr__(here, "words", searching(here, load))
    answer = client.post(ASKED, json={"text": "red"})
    assert answer.status_code == 422
    assert "anymask[text]" in answer.json()["error"]
    assert client.post("/api/images/99/words", json={"text": "red"}).status_code == 404


@pytest.mark.parametrize(
    ("name", "found"),
    [("DOG", 1), ("dogs", 1), ("the dog", 1), ("buses", 2), ("berries", 3), ("cat", None)],
)
def test_a_name_is_found_however_it_is_written(name: str, found: int | None) -> None:
    named = enumerate(("dog", "bus", "berry"), start=1)
    labels = [Label(number, one, "#000000", None) for number, one in named]
    label = label_named(name, labels)
    assert (label and label.id) == found

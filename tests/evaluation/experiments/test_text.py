"""Text: figures by hand of what names find among squares of colours, and a little of the real."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.words.crops import Pixels
from anymask.datasets.sample import VOID_GROUP, Sample
from anymask.errors import Error
from anymask.evaluation.discovery import prepare
from anymask.evaluation.experiments.text import TRUTH, Text
from anymask.evaluation.job import EvaluationJob, begin, finish, work_alone
from anymask.evaluation.named_questions import TimedNames, questions_of
from anymask.evaluation.report.layout import Labels
from anymask.evaluation.result import Row
from anymask.evaluation.rivals.load import AdaptedSource
from anymask.evaluation.source import Source
from tests.evaluation.invented import result
from tests.predict.words.by_colour import ColourPredictor

SMALL, LARGE = (slice(4, 24), slice(4, 24)), (slice(4, 44), slice(30, 70))
NAMES = ("blue", "green", "purple", "red")
ASKED = Text(names=NAMES, learned=("red", "blue"))


def picture(name: str, **objects: tuple[slice, slice]) -> Sample:
    """Squares of colours on black; "purple" is drawn as blue, and void is nothing."""
    colours = {"red": 0, "green": 1, "blue": 2, "purple": 2}
    pixels = np.zeros((60, 80, 3), np.uint8)
    masks = []
    for colour, place in objects.items():
        mask = np.zeros((60, 80), bool)
        mask[place] = True
        masks.append(rle.encode(mask))
        if colour in colours:
            pixels[place] = np.eye(3, dtype=np.uint8)[colours[colour]] * 255
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    groups = tuple(VOID_GROUP if one == "void" else one for one in objects)
    return Sample(name, content.getvalue(), tuple(masks), groups)


def rows_of(experiment: Text, *samples: Sample) -> list[Row]:
    experiment = pickle.loads(pickle.dumps(experiment))
    timed = experiment.timed(ColourPredictor())
    rows = [{"image": one.name, **row} for one in samples for row in experiment.rows(timed, one)]
    assert timed.seconds > 0
    return rows


def test_names_are_asked_where_they_are_and_where_they_are_not() -> None:
    both = picture("a.png", red=SMALL, green=LARGE)
    asked = [*questions_of(both, NAMES, None, 16, 0)]
    assert [one.name for one in asked[:2]] == ["green", "red"]
    assert {one.name for one in asked[2:]} == {"blue", "purple"}
    assert [one.is_there for one in asked] == [True, True, False, False]
    assert [*questions_of(both, NAMES, None, 16, 0)] == asked, "the same draw each time"
    few = [one.name for one in questions_of(both, NAMES, 0, 30, 0)]
    assert few == ["green"], "nothing is asked of what is too small"
    assert len([*questions_of(both, NAMES, 1, 30, 0)]) == 2, "and what is small is not absent"


def test_figures_are_of_seen_and_unseen_names() -> None:
    samples = [picture("a.png", red=SMALL, green=LARGE), picture("b.png", purple=LARGE)]
    rows = rows_of(ASKED, *samples)
    by_name = {(row["image"], row["name"]): row for row in rows}
    red = by_name["a.png", "red"]
    assert (red["right"], red["largest"], red["by_chance"], red["iou"]) == (True, False, 0.5, 1.0)
    purple = by_name["b.png", "purple"]
    assert (purple["found"], purple["right"], purple["iou"]) == (0, True, 0.0), "it is the only one"
    figures = dict(ASKED.metrics(rows))
    assert figures["questions_seen"] == 1
    assert figures["recall_1_seen"] == figures["lead_seen"] == figures["miou_seen"] == 1
    assert figures["recall_1_unseen"] == figures["largest_unseen"] == 1
    assert figures["miou_unseen"] == figures["recall_unseen"] == 0.5
    assert figures["recall_1_unseen_low"] == figures["recall_1_unseen_high"] == 1
    assert figures["precision_unseen"] == 1
    assert "recall_1_seen_low" not in figures, "one image has no interval"


def test_what_is_said_and_not_there_costs_precision() -> None:
    rows = rows_of(Text(names=("blue", "purple"), learned=("blue",)), picture("a", purple=LARGE))
    figures = dict(Text().metrics(rows))
    assert (figures["precision_seen"], figures["recall_unseen"]) == (0, 0)
    assert "recall_1_seen" not in figures
    assert dict(Text().metrics([])) == {"questions_seen": 0, "questions_unseen": 0}


def test_true_masks_are_the_candidates_and_undecided_pixels_do_not_count() -> None:
    half = (slice(4, 44), slice(50, 70))
    sample = picture("a.png", red=LARGE, void=half)
    (row,) = rows_of(Text(candidates=TRUTH, names=("red",), learned=("red",)), sample)
    assert row["iou"] == 1
    assert row["by_chance"] == 1, "the undecided is no candidate"
    with pytest.raises(Error, match="everything or truth"):
        Text(candidates="boxes")


def test_an_image_without_a_mask_is_answered() -> None:
    class Blind(ColourPredictor):
        def everything(self, embedding: Pixels) -> object:  # type: ignore[override]
            return super().everything(np.zeros_like(embedding))

    rows = ASKED.rows(TimedNames(Blind()), picture("a.png", red=LARGE))
    assert [(row["found"], row["sure"]) for row in rows] == [(0, 0.0)] * 2
    assert rows[0]["right"] is False


def test_the_section_has_a_row_for_each_kind_of_names() -> None:
    metrics = {"questions_seen": 9.0, "recall_1_seen": 0.5, "miou_seen": 0.25}
    metrics |= {"recall_1_seen_low": 0.4, "recall_1_seen_high": 0.6}
    made = result("text", "coco", dict(ASKED.options()), metrics)
    text = "\n".join(map(str, Text.section([made], Labels())))
    assert "| **mobile-sam** | coco | seen | 9 | 50.0 [40.0, 60.0] | – | 25.0 | – | – |" in text
    assert "| **mobile-sam** | coco | unseen | – |" in text


@pytest.mark.slow
@pytest.mark.data
def test_photographs_are_asked_as_the_command_does(
    tmp_path: Path, data_folder: Path, mobile_sam: object
) -> None:
    experiment, dataset = prepare("text", Source(str(data_folder / "coco446")), ["absent=3"])
    assert isinstance(experiment, Text)
    assert len(experiment.names) == 80
    assert 40 < len(experiment.learned) < 80
    source = AdaptedSource("mobile-sam", "cpu", "float32", True)
    job = EvaluationJob(experiment, dataset, source, tmp_path / "text.json", limit=2)
    try:
        job, _ = job.load()
    except Error as error:
        pytest.skip(f"no encoder of words is here: {error}")
    begin(job)
    work_alone(job)
    found = finish(job, "anymask evaluate text")
    assert found.images == 2
    asked = sum(found.metrics[f"questions_{kind}"] for kind in ("seen", "unseen"))
    assert asked > 0
    assert sum(not row["there"] for row in found.rows) == 6
    assert json.loads((tmp_path / "text.json").read_text())["experiment"] == "text"

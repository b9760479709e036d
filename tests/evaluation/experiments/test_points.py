"""The single-point experiment, on answers that are known beforehand."""

from __future__ import annotations

import pickle
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from anymask.core import rle
from anymask.core.metrics import boundary_iou, mask_iou
from anymask.core.prompts import BACKGROUND, OBJECT, Prompts
from anymask.core.protocol import DiscSegmenter
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import VOID_GROUP, Sample
from anymask.errors import Error, ImageError
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.experiments.points import RANDOM, Points
from anymask.predict.predictor import Predictor
from tests.evaluation.scripted_segmenter import SIDE, Script, Scripted, rectangle, sample

OBJECT_A = rectangle(10, 31, 10, 31)  # its middle is 20,20
OBJECT_B = rectangle(40, 51, 40, 51)  # 45,45
HALF_A = rectangle(10, 31, 10, 20)  # ten of 21 columns
MORE_A = rectangle(10, 31, 10, 45)  # 35 columns
SCRIPT_A = Script((HALF_A, OBJECT_A, MORE_A), MORE_A, (MORE_A, OBJECT_A))
SCRIPT_B = Script((OBJECT_B,) * 3, OBJECT_B, (OBJECT_B & ~rectangle(40, 51, 40, 41), OBJECT_B))
ANYWHERE = Points(clicks=(1,), first=RANDOM, single=False)


def scripted() -> Scripted:
    return Scripted({(20, 20): SCRIPT_A, (45, 45): SCRIPT_B})


def discs(count: int, seed: int = 0) -> Sample:
    """Discs anywhere in an image of 80 × 120."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:80, :120]
    masks = [
        np.hypot(y - rng.integers(10, 70), x - rng.integers(10, 110)) < rng.integers(3, 20)
        for _ in range(count)
    ]
    return sample(masks, [f"kind {number % 3}" for number in range(count)])


def test_it_is_an_experiment_that_other_processes_can_have() -> None:
    experiment: ImageExperiment = Points(first=RANDOM, smallest_px=4)
    assert experiment.name == "points"
    assert pickle.loads(pickle.dumps(experiment)) == experiment
    assert experiment.options() == {
        "clicks": [1, 2, 3, 5, 9],
        "first": "random",
        "single": True,
        "masks_per_image": None,
        "smallest_px": 4,
        "seed": 0,
    }


def test_the_figures_by_hand() -> None:
    experiment = Points(clicks=(1, 2, 3))
    first, second = experiment.rows(scripted(), sample([OBJECT_A, OBJECT_B], ["a", None]))
    assert first == {
        "mask": 0,
        "group": "a",
        "area": 441,
        "click": [20, 20],
        "iou_1": round(10 / 21, 5),
        "iou_2": 0.6,  # 21 of 35 columns
        "iou_3": 1.0,
        "oracle_1": 1.0,
        "single_1": 0.6,
        "boundary_iou_1": round(boundary_iou(OBJECT_A, HALF_A), 5),
    }
    assert (second["iou_1"], second["iou_2"], second["iou_3"]) == (1, round(10 / 11, 5), 1)
    figures = dict(experiment.metrics([first, second]))
    assert list(figures) == ["miou_1", "miou_2", "miou_3", "oracle_1", "single_1", "boundary_iou_1"]
    assert figures["miou_1"] == pytest.approx((10 / 21 + 1) / 2, abs=1e-5)
    assert figures["single_1"] == pytest.approx(0.8)


def test_clicks_go_where_the_last_answer_is_wrong_and_its_logits_go_with_them() -> None:
    sam = scripted()
    Points(clicks=(1, 2, 4), single=False).rows(sam, sample([OBJECT_A]))
    assert [multimask for _, multimask in sam.asked] == [None, False, False, False]
    prompts = [asked for asked, _ in sam.asked]
    # Missed: columns 20 to 30, all rows. Too much: columns 31 to 44. None: the middle again.
    assert prompts[-1].points[0].tolist() == [[20, 20], [25, 15], [37, 16], [20, 20]]
    assert prompts[-1].labels[0].tolist() == [OBJECT, OBJECT, BACKGROUND, OBJECT]
    assert prompts[0].masks is None
    for asked, mask in zip(prompts[1:], (HALF_A, MORE_A, OBJECT_A)):
        assert asked.masks is not None
        assert np.array_equal(asked.masks[0] > 0, mask)


def test_the_single_mask_is_asked_for_without_earlier_answers() -> None:
    sam = scripted()
    Points(clicks=(2,)).rows(sam, sample([OBJECT_A]))
    asked = [
        (prompts.points.shape[1], prompts.masks is None, multimask)
        for prompts, multimask in sam.asked
    ]
    assert sorted(asked, key=str) == [(1, True, False), (1, True, None), (2, False, False)]


def test_pixels_that_nobody_decided_about_count_neither_way() -> None:
    void = rectangle(0, SIDE, 20, 50)
    sam = Scripted({(15.0, 15.0): SCRIPT_A, (14.0, 14.0): SCRIPT_A, (14.0, 15.0): SCRIPT_A})
    rows = Points(clicks=(1, 2)).rows(sam, sample([OBJECT_A, void], [None, VOID_GROUP]))
    assert len(rows) == 1
    assert rows[0]["area"] == HALF_A.sum()
    assert rows[0]["iou_1"] == rows[0]["iou_2"] == 1  # they differ only in pixels of the void
    assert [prompts.labels[0, -1] for prompts, _ in sam.asked] == [OBJECT] * len(sam.asked)


def test_an_object_of_nothing_but_void_is_none() -> None:
    truth = sample([OBJECT_A, np.ones((SIDE, SIDE), bool)], [None, VOID_GROUP])
    assert Points().rows(scripted(), truth) == []


def test_void_of_several_masks_is_joined() -> None:
    truth = sample(
        [OBJECT_A, rectangle(0, 15, 0, 64), rectangle(26, 64, 0, 64)], ["a", VOID_GROUP, VOID_GROUP]
    )
    (row,) = Points(clicks=(1,)).rows(DiscSegmenter(), truth)
    assert (row["area"], row["click"]) == (11 * 21, [15, 20])


@pytest.mark.parametrize("first", ["centre", "random"])
def test_batches_change_no_row(first: str) -> None:
    truth = discs(11)
    by_batch = [
        Points(clicks=(1, 2, 5), first=first, batch=batch).rows(DiscSegmenter(), truth)
        for batch in (1, 4, 64)
    ]
    assert by_batch[0] == by_batch[1] == by_batch[2]
    assert [row["mask"] for row in by_batch[0]] == list(range(11))


def test_rows_are_what_the_segmenter_answers_at_the_size_of_the_image() -> None:
    truth, discs_only = discs(5), DiscSegmenter()
    rows = Points(clicks=(1,)).rows(discs_only, truth)
    embedding = discs_only.encode(truth.pixels())
    for row, mask in zip(rows, truth.masks):
        several = discs_only.predict(embedding, Prompts.point(*row["click"]), True).to_bool()[0]
        ious = mask_iou(several, rle.decode(mask))
        assert row["iou_1"] == round(ious[0], 5)
        assert row["oracle_1"] == round(ious.max(), 5)
        assert row["single_1"] == row["iou_1"]


def test_small_masks_are_left_out_and_some_are_drawn_by_the_seed() -> None:
    truth, sam = discs(12), DiscSegmenter()
    everything = {row["mask"]: row for row in Points(clicks=(1,)).rows(sam, truth)}
    large = Points(clicks=(1,), smallest_px=300).rows(sam, truth)
    assert large == [row for row in everything.values() if row["area"] >= 300]
    assert 0 < len(large) < 12
    drawn = {
        tuple(
            row["mask"]
            for row in Points(clicks=(1,), masks_per_image=4, seed=seed).rows(sam, truth)
        )
        for seed in (0, 0, 1, 2)
    }
    assert len(drawn) == 3
    assert all(len(some) == 4 and list(some) == sorted(some) for some in drawn)


def test_an_image_without_anything_to_ask_about_is_not_encoded() -> None:
    class Blind(DiscSegmenter):
        def encode(self, image: object) -> object:  # type: ignore[override]
            raise AssertionError

    assert Points(smallest_px=10_000).rows(Blind(), discs(3)) == []  # type: ignore[arg-type]


def first_clicks(truth: Sample, experiment: Points = ANYWHERE) -> list[tuple[int, int]]:
    """Where the first click on each mask goes; the answers are always the same."""
    sam = Scripted(defaultdict(lambda: SCRIPT_A))
    return [tuple(row["click"]) for row in experiment.rows(sam, truth)]


def test_random_first_clicks_are_any_pixel_as_likely() -> None:
    mask = rectangle(20, 24, 30, 35)
    mask[40, 50] = True
    clicks = [
        click
        for number in range(70)
        for click in first_clicks(sample([mask] * 30, name=f"{number}"))
    ]
    counts = np.zeros(mask.shape, int)
    for x, y in clicks:
        counts[y, x] += 1
    assert counts[~mask].sum() == 0
    assert stats.chisquare(counts[mask]).pvalue > 1e-4


def test_random_first_clicks_depend_on_image_mask_and_seed_alone() -> None:
    big, small = rectangle(0, 64, 0, 64), rectangle(3, 5, 3, 5)
    both = first_clicks(sample([small, big]))
    assert both == first_clicks(sample([small, big]), replace(ANYWHERE, batch=1))
    assert both[1] == first_clicks(sample([small, big]), replace(ANYWHERE, smallest_px=100))[0]
    others = (
        first_clicks(sample([big, big]))[0],
        first_clicks(sample([small, big], name="other"))[1],
        first_clicks(sample([small, big]), replace(ANYWHERE, seed=1))[1],
    )
    assert len({both[1], *others}) == 4


def test_what_cannot_be_asked_is_said() -> None:
    with pytest.raises(Error, match="centre or random"):
        Points(first="middle")
    for wrong in ({"clicks": ()}, {"clicks": (0, 1)}, {"batch": 0}, {"masks_per_image": 0}):
        with pytest.raises(Error, match="1 or more"):
            Points(**wrong)
    with pytest.raises(Error, match="smallest_px"):
        Points(smallest_px=-1)


def test_masks_that_do_not_fit_their_image_are_said() -> None:
    truth = sample([OBJECT_A, np.ones((9, 9), bool)], [None, VOID_GROUP])
    with pytest.raises(ImageError, match="has masks of 9×9"):
        Points().rows(scripted(), truth)


def test_figures_of_no_rows_are_none() -> None:
    assert list(Points().metrics([])) == []


@pytest.mark.weights
@pytest.mark.data
def test_a_click_on_a_photograph_is_worth_something(
    mobile_sam: Predictor, data_folder: Path
) -> None:
    parts = open_dataset(str(data_folder / "ecssd250")).parts[:3]
    experiment = Points(clicks=(1, 3))
    rows = [
        row
        for part in parts
        for truth in part.read()
        if isinstance(truth, Sample)
        for row in experiment.rows(mobile_sam, truth)
    ]
    figures = dict(experiment.metrics(rows))
    assert figures["miou_1"] > 0.5
    assert figures["oracle_1"] >= figures["miou_1"]
    assert figures["miou_3"] > 0.6

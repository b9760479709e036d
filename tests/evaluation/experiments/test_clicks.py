"""RITM's protocol, on answers that are known beforehand."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from anymask.core.prompts import BACKGROUND, OBJECT
from anymask.core.protocol import DiscSegmenter
from anymask.datasets.sample import VOID_GROUP
from anymask.errors import Error
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.experiments.clicks import Clicks
from tests.evaluation.scripted_segmenter import SIDE, Script, Scripted, rectangle, sample

TRUTH = rectangle(10, 31, 10, 30)  # 20 columns; the first deepest point is 19,19
OTHER = rectangle(40, 61, 40, 60)


def part(columns: int) -> np.ndarray:
    """The first columns of the truth, or more than it has."""
    return rectangle(10, 31, 10, 10 + columns)


def script(*columns: int) -> Script:
    first, *later = map(part, columns)
    return Script((first, part(1), part(1)), part(1), later or [first])


def row_of(*columns: int, **options: int) -> dict[str, object]:
    (row,) = Clicks(**options).rows(Scripted({(19, 19): script(*columns)}), sample([TRUTH]))  # type: ignore[arg-type]
    return row


def test_it_is_an_experiment_that_other_processes_can_have() -> None:
    experiment: ImageExperiment = Clicks(masks_per_image=3)
    assert experiment.name == "clicks"
    assert pickle.loads(pickle.dumps(experiment)) == experiment
    assert "batch" not in experiment.options()


@pytest.mark.parametrize(
    ("columns", "noc_85", "noc_90"),
    [
        ((20,), 1, 1),
        ((17, 18), 1, 2),
        ((10, 16, 17, 10, 18, 20), 3, 5),  # the first time counts, whatever comes after it
        ((10, 11), 20, 20),
        ((10, 40), 20, 20),
        ((17, 10), 1, 20),
        ((*(10,) * 19, 18), 20, 20),
    ],
)
def test_the_number_of_clicks_on_a_scripted_segmenter(
    columns: tuple[int, ...], noc_85: int, noc_90: int
) -> None:
    row = row_of(*columns)
    assert (row["noc_85"], row["noc_90"]) == (noc_85, noc_90)


def test_a_row_by_hand() -> None:
    row = row_of(10, 16, 40, 20, clicks=5)
    assert row == {
        "mask": 0,
        "group": None,
        "area": 420,
        "ious": [0.5, 0.8, 0.5, 1.0, 1.0],
        "noc_85": 4,
        "noc_90": 4,
    }


def test_the_figures_by_hand() -> None:
    rows = [row_of(10, 16, 12, 17, clicks=4), row_of(18, 18, 19, 19, clicks=4)]
    rows.append(row_of(*(10,) * 3, 18, clicks=4))
    figures = dict(Clicks(clicks=4).metrics(rows))
    expected = {
        "noc_85": (4 + 1 + 4) / 3,
        "failures_85": 0.0,
        "noc_90": (4 + 1 + 4) / 3,
        "failures_90": 1 / 3,
        "miou_after_1": (0.5 + 0.9 + 0.5) / 3,
        "miou_after_2": (0.8 + 0.9 + 0.5) / 3,
        "miou_after_3": (0.6 + 0.95 + 0.5) / 3,
        "miou_after_4": (0.85 + 0.95 + 0.9) / 3,
        "worse_share": 1 / 9,
        "worse_by": 0.2,
    }
    assert figures == pytest.approx(expected)
    assert list(figures) == list(expected)


def test_what_is_less_than_a_thousandth_worse_is_not_worse() -> None:
    figures = dict(
        Clicks(clicks=3).metrics([{"ious": [0.5, 0.4995, 0.497], "noc_85": 3, "noc_90": 3}])
    )
    assert figures["worse_share"] == 0.5
    assert figures["worse_by"] == pytest.approx(0.0025)


def test_figures_that_would_be_of_nothing_are_left_out() -> None:
    assert list(Clicks().metrics([])) == []
    assert "worse_share" not in dict(Clicks(clicks=1).metrics([row_of(10, clicks=1)]))
    steady = dict(Clicks(clicks=3).metrics([row_of(10, clicks=3)]))
    assert steady["worse_share"] == 0
    assert "worse_by" not in steady


def test_clicks_go_to_the_deeper_error_and_never_to_the_same_pixel() -> None:
    # Missed are 10 columns of 21 rows; too much is a longer, but thinner stripe.
    first = part(10) | rectangle(10, 60, 50, 54)
    sam = Scripted({(19, 19): Script((first,) * 3, first, [first, first, part(26), TRUTH])})
    Clicks(clicks=7).rows(sam, sample([TRUTH]))
    assert [multimask for _, multimask in sam.asked] == [None] + [False] * 6
    prompts, _ = sam.asked[-1]
    points, labels = prompts.points[0].tolist(), prompts.labels[0].tolist()
    assert labels == [OBJECT] * 4 + [BACKGROUND, OBJECT, OBJECT]
    missed = np.array(points[1:4])
    assert np.isin(missed[:, 0], (24, 25)).all()
    assert ((missed[:, 1] >= 14) & (missed[:, 1] <= 26)).all()
    assert points[4] == [32, 12]  # of the six columns behind the truth
    assert len({tuple(point) for point in points}) == 7


def test_the_first_click_may_get_the_single_mask() -> None:
    sam = Scripted({(19, 19): script(20)})
    (row,) = Clicks(clicks=2, first_multimask=False).rows(sam, sample([TRUTH]))
    assert row["ious"] == [0.05, 1]
    assert [multimask for _, multimask in sam.asked] == [False, False]


def test_pixels_that_nobody_decided_about_are_neither_wrong_nor_clicked() -> None:
    void = rectangle(0, SIDE, 25, SIDE)  # 15 columns are left
    sam = Scripted({(17, 17): script(5, 40, 12, 40)})
    (row,) = Clicks(clicks=5).rows(sam, sample([TRUTH, void], [None, VOID_GROUP]))
    assert row["ious"] == [round(1 / 3, 5), 1, 0.8, 1, 1]
    prompts, _ = sam.asked[-1]
    assert (prompts.points[0, :, 0] < 25).all()
    assert (prompts.labels == OBJECT).all()


def test_batches_change_no_row() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:70, :90]
    masks = [np.hypot(y - rng.integers(70), x - rng.integers(90)) < 4 + 2 * n for n in range(7)]
    by_batch = [
        Clicks(clicks=6, batch=batch).rows(DiscSegmenter(), sample(masks)) for batch in (1, 3, 32)
    ]
    assert by_batch[0] == by_batch[1] == by_batch[2]
    assert len(by_batch[0]) == 7


def test_what_cannot_be_asked_is_said() -> None:
    for wrong in ({"clicks": 0}, {"batch": 0}, {"masks_per_image": 0}):
        with pytest.raises(Error, match="1 or more"):
            Clicks(**wrong)  # type: ignore[arg-type]

"""Fairness: whose masks are asked about, what each group gets, and what is said of it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from anymask.core.embedding import ImageEmbedding
from anymask.core.image import ImageSource
from anymask.core.protocol import DiscSegmenter
from anymask.datasets.sample import VOID_GROUP, Sample
from anymask.errors import DatasetError, Error
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.experiments.fairness import Fairness
from anymask.evaluation.experiments.points import Points
from anymask.evaluation.measures.bootstrap import Bootstrap
from anymask.evaluation.measures.groups import by_value, statement
from tests.evaluation.measures.scripted_groups import of_groups
from tests.evaluation.scripted_segmenter import rectangle, sample

SQUARES = [rectangle(4, 20, 4, 20), rectangle(30, 60, 30, 60), rectangle(4, 20, 40, 60)]


def picture(name: str = "images/a.jpg") -> Sample:
    return sample(SQUARES, ["cat", "dog", "cat"], name)


def table(folder: Path, *lines: str, header: str = "image,mask,age,skin") -> str:
    file = folder / "groups.csv"
    file.write_text("\n".join([header, *lines]) + "\n")
    return str(file)


class Counting(DiscSegmenter):
    """Discs, and how many images were encoded."""

    encoded = 0

    def encode(self, image: ImageSource) -> ImageEmbedding:
        type(self).encoded += 1
        return super().encode(image)


def test_it_is_an_experiment_that_other_processes_can_have(tmp_path: Path) -> None:
    experiment: ImageExperiment = Fairness(table=table(tmp_path, "a,,old,"))
    options = experiment.options()
    assert options["table"] == "groups.csv"
    assert len(options["table_sha256"]) == 64
    again = pickle.loads(pickle.dumps(experiment))
    assert again == experiment
    assert again.options() == options
    assert Fairness().options()["table"] == ""
    assert experiment.needs_model


def test_without_a_table_the_groups_of_the_dataset_are_the_values() -> None:
    rows = [{"image": "a", **row} for row in Fairness().rows(DiscSegmenter(), picture())]
    assert [row["attributes"] for row in rows] == [
        {"group": "cat"}, {"group": "dog"}, {"group": "cat"},
    ]  # fmt: skip
    metrics = dict(Fairness().metrics(rows))
    assert metrics["masks/group=cat"] == 2
    assert metrics["masks/group=dog"] == 1
    assert metrics["miou_1/group=cat"] == pytest.approx((rows[0]["iou_1"] + rows[2]["iou_1"]) / 2)
    assert not any(name.endswith(("low", "high")) for name in metrics)  # too few
    assert "unknown_masks" not in metrics


def test_only_masks_of_the_table_are_asked_about_and_keep_their_numbers(tmp_path: Path) -> None:
    experiment = Fairness(table(tmp_path, "a.jpg,2,old,", "a.jpg,0,,4"), first="centre")
    rows = experiment.rows(DiscSegmenter(), picture())
    plain = Points((1, 3), single=False).rows(DiscSegmenter(), picture())
    assert [row["mask"] for row in rows] == [0, 2]
    assert [row["attributes"] for row in rows] == [{"skin": "4"}, {"age": "old"}]
    for row in rows:
        assert row["iou_1"] == plain[row["mask"]]["iou_1"]
        assert row["iou_3"] == plain[row["mask"]]["iou_3"]


def test_nothing_is_asked_about_other_images(tmp_path: Path) -> None:
    experiment = Fairness(table(tmp_path, "a,,old,"))
    Counting.encoded = 0
    assert experiment.rows(Counting(), picture("images/b.jpg")) == []
    assert Counting.encoded == 0
    assert len(experiment.rows(Counting(), picture())) == 3
    assert Counting.encoded == 1


def test_undecided_pixels_go_on_not_to_count(tmp_path: Path) -> None:
    masks = [rectangle(10, 40, 10, 40), rectangle(30, 40, 10, 40)]
    one = sample(masks, ["cat", VOID_GROUP], "a.jpg")
    experiment = Fairness(table(tmp_path, "a.jpg,0,old,"), first="centre")
    (row,) = experiment.rows(DiscSegmenter(), one)
    (plain,) = Points((1, 3), single=False).rows(DiscSegmenter(), one)
    assert row["iou_1"] == plain["iou_1"]


@pytest.mark.parametrize("name", ["images/a.jpg", "a.jpg", "a"])
def test_an_image_may_be_named_without_folder_and_ending(tmp_path: Path, name: str) -> None:
    experiment = Fairness(table(tmp_path, f"{name},1,old,"))
    assert [row["mask"] for row in experiment.rows(DiscSegmenter(), picture())] == [1]
    assert experiment.notes(["images/a.jpg"]) == []
    assert [one.name for one in experiment.notes(["images/b.jpg"])] == [name]


def test_what_is_said_of_a_mask_goes_before_what_is_said_of_the_image(tmp_path: Path) -> None:
    lines = table(tmp_path, "a,,old,2", "a,1,young,")
    rows = Fairness(lines).rows(DiscSegmenter(), picture())
    assert [row["attributes"]["age"] for row in rows] == ["old", "young", "old"]
    assert {row["attributes"]["skin"] for row in rows} == {"2"}


def test_unknown_masks_and_images_are_counted_and_named(tmp_path: Path) -> None:
    experiment = Fairness(table(tmp_path, "a,0,old,", "a,7,old,", "gone,,old,"))
    rows = [{"image": "a.jpg", **row} for row in experiment.rows(DiscSegmenter(), picture("a.jpg"))]
    metrics = dict(experiment.metrics(rows))
    assert (metrics["unknown_masks"], metrics["unseen_images"]) == (1, 1)
    assert metrics["masks/age=old"] == 1
    assert [one.name for one in experiment.notes(["a.jpg"])] == ["gone"]
    assert "a.jpg 7" in statement(rows)[-1]


@pytest.mark.parametrize(
    ("header", "lines", "match"),
    [
        ("picture,age", ["a,old"], "expected is image"),
        ("image,mask", ["a,0"], "expected is image"),
        ("image,mask,age", [], "no row"),
        ("image,mask,age", ["a,first,old"], "line 2: the mask 'first'"),
        ("image,mask,age", ["a,-1,old"], "no number of a mask"),
        ("image,mask,age", ["a,0,old", "a,0,young"], "line 3.*mask 0.*'young'.*'old'"),
        ("image,mask,age", [",0,old"], "names no image"),
        ("image,mask,age", ["a,0,old,2"], "4 cells for 3 columns"),
        ("image,age,age", ["a,1,2"], "more than one column 'age'"),
        ("image,age", ['"a,old'], "can't be read"),
    ],
)
def test_a_table_that_says_nothing_clear_is_refused_before_anything_is_asked(
    tmp_path: Path, header: str, lines: list[str], match: str
) -> None:
    with pytest.raises(DatasetError, match=match):
        Fairness(table(tmp_path, *lines, header=header)).options()


def test_a_table_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00image")
    for name in ("none.csv", "binary.csv"):
        with pytest.raises(DatasetError, match=r"can't be read|no text in UTF-8"):
            Fairness(str(tmp_path / name)).options()


@pytest.mark.parametrize("bad", [{"level": 2.0}, {"first": "last"}, {"resamples": 0}])
def test_settings_that_mean_nothing_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(Error):
        Fairness(**bad)  # type: ignore[arg-type]


def test_intervals_come_with_enough_masks_and_images() -> None:
    rows = of_groups({"young": 0.6, "old": 0.5})
    metrics = dict(Fairness(resamples=200).metrics(rows))
    low, high = metrics["miou_1/age=old/low"], metrics["miou_1/age=old/high"]
    assert low < metrics["miou_1/age=old"] < high
    found = by_value(rows)[0].interval(1, Bootstrap(resamples=200))
    assert (found.low, found.high) == (low, high)
    of_one_image = [{**row, "image": "a"} for row in rows]
    assert "miou_1/age=old/low" not in dict(Fairness().metrics(of_one_image))
    assert "miou_1/age=old/low" not in dict(Fairness(fewest=41).metrics(rows))

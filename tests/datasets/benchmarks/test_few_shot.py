"""The sets of few-shot segmentation, in tiny folders laid out as they are published."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path

import pytest

from anymask.core import rle
from anymask.datasets.benchmarks.few_shot.few_shot_set import FewShotSet
from anymask.datasets.benchmarks.few_shot.recognise import open_few_shot
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import VOID_GROUP, Part, Sample
from anymask.errors import DatasetError
from tests.datasets.benchmarks import few_shot_folders as folders


def read(folder: Path) -> FewShotSet:
    return open_few_shot(str(folder), partial(open_dataset, folder))


def sample(part: Part) -> Sample:
    (only,) = pickle.loads(pickle.dumps(part)).samples()
    assert isinstance(only, Sample)
    return only


def names(found: FewShotSet) -> dict[str, list[str]]:
    return {group: [part.name for part in parts] for group, parts in found.images.items()}


@pytest.mark.parametrize("truths", ["SegmentationClassAug", "SegmentationClass"])
def test_voc_is_four_folds_of_five_classes(tmp_path: Path, truths: str) -> None:
    folders.voc(tmp_path, truths)
    found = read(tmp_path)
    assert found.kind == "PASCAL-5i"
    assert found.folds[0] == ("1", "2", "3", "4", "5")
    assert found.folds[3][-1] == "20"
    assert found.is_listed
    assert names(found) == {
        "1": [f"JPEGImages/{name}.jpg" for name in "abcd"],
        "7": ["JPEGImages/c.jpg", "JPEGImages/d.jpg"],
    }
    last = sample(found.images["7"][1])
    assert last.groups == ("1", "7", VOID_GROUP)
    assert [rle.area(mask) for mask in last.masks] == [36, 16, 16]


def test_voc_asks_about_what_its_lists_name(tmp_path: Path) -> None:
    folders.voc(tmp_path)
    lists = tmp_path / "splits" / "pascal" / "val"
    lists.mkdir(parents=True)
    (lists / "fold0.txt").write_text("b__01\nc__01\nlost__02\n")
    (lists / "fold1.txt").write_text("c__07\nd__07\n")
    found = read(tmp_path)
    assert names(found) == {
        "1": ["JPEGImages/b.jpg", "JPEGImages/c.jpg"],
        "7": ["JPEGImages/c.jpg", "JPEGImages/d.jpg"],
    }
    assert [note.name for note in found.notes] == ["lost__02"]


def test_voc_asks_about_the_validation_split(tmp_path: Path) -> None:
    folders.voc(tmp_path)
    listed = tmp_path / "ImageSets" / "Segmentation" / "val.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("a\nc\nnot-there\n")
    assert names(read(tmp_path))["1"] == ["JPEGImages/a.jpg", "JPEGImages/c.jpg"]


def test_class_pictures_of_coco_have_every_fourth_class_in_a_fold(tmp_path: Path) -> None:
    folders.coco_pictures(tmp_path)
    found = read(tmp_path)
    assert found.kind == "COCO-20i"
    assert found.folds[1][:2] == ("2", "6")
    assert [len(fold) for fold in found.folds] == [20] * 4
    assert not found.is_listed
    assert len(found.images["6"]) == 3


def test_cocos_file_has_its_classes_in_the_order_of_their_ids(tmp_path: Path) -> None:
    folders.coco_file(tmp_path)
    found = read(tmp_path)
    assert found.kind == "COCO-20i"
    assert found.folds[1][:2] == ("class 1", "class 5")
    assert found.folds[2][0] == "class 2"
    assert names(found) == {f"class {n}": ["a.png", "b.png", "c.png"] for n in (1, 2)} or names(
        found
    ) == {f"class {n}": [f"images/{i}.png" for i in "abc"] for n in (1, 2)}
    assert set(sample(found.images["class 1"][0]).groups) == {"class 1", "class 2"}


def test_other_categories_are_one_fold(tmp_path: Path) -> None:
    folders.coco_file(tmp_path, categories=5)
    found = read(tmp_path)
    assert found.kind == "COCO annotations"
    assert found.folds == (("class 1", "class 2"),)


def test_fss_has_its_classes_in_folders(tmp_path: Path) -> None:
    folders.fss(tmp_path)
    found = read(tmp_path)
    assert found.kind == "FSS-1000"
    assert found.folds == (("abacus", "zebra"),)
    first = sample(found.images["zebra"][0])
    assert first.groups == ("zebra",)
    assert rle.area(first.masks[0]) == 36  # and nothing of what is grey


def test_fss_has_the_classes_of_its_list(tmp_path: Path) -> None:
    folders.fss(tmp_path)
    (tmp_path / "fss_test_set.txt").write_text("zebra\nunicorn\n")
    assert read(tmp_path).folds == (("zebra",),)


def test_masks_without_names_are_refused(tmp_path: Path) -> None:
    folders.davis(tmp_path, objects=1)
    with pytest.raises(DatasetError, match="have no names of categories"):
        read(tmp_path)

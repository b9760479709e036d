"""Questions of few-shot segmentation: which are asked, and that they are the same every time."""

from __future__ import annotations

from pathlib import Path

import pytest

from anymask.datasets.benchmarks.few_shot.few_shot_set import FewShotSet
from anymask.datasets.sample import Part, Sample
from anymask.errors import DatasetError
from anymask.evaluation.episodes import episodes_of, questions
from tests.evaluation.scripted_segmenter import rectangle
from tests.evaluation.scripted_segmenter import sample as black


def part(name: str) -> Part:
    return Part(name, lambda: iter([black([rectangle(0, 9, 0, 9)], ["a"], name)]))


def shown(**images: str) -> FewShotSet:
    """From class to the letters that name its images; each class is a fold of its own but ``c``,
    which is of the first."""
    classes = {name: tuple(map(part, letters)) for name, letters in images.items()}
    return FewShotSet("here", "letters", (("a", "c"), ("b",)), classes)


def test_examples_are_other_images_of_the_class() -> None:
    found = shown(a="uvw", b="xyz", c="pq")
    episodes = episodes_of(found, shots=2, most=20, seed=0)
    assert [one.fold for one in episodes] == [0] * 20 + [1] * 20
    assert {one.group for one in episodes[:20]} == {"a", "c"}
    for one in episodes:
        names = [example.name for example in one.examples]
        assert one.query.name not in names
        assert len(names) == 2
        assert set(names) <= {image.name for image in found.images[one.group]}
    assert len({one.name for one in episodes}) == 40


def test_the_seed_decides() -> None:
    found = shown(a="uvwxyz", b="pqrstu")
    draw = [[one.name for one in episodes_of(found, 1, 30, seed)] for seed in (0, 0, 1)]
    assert draw[0] == draw[1] != draw[2]


def test_more_questions_begin_with_those_of_fewer() -> None:
    found = shown(a="uvwxyz", b="pqrstu")
    few, many = (episodes_of(found, 1, most, 0) for most in (5, 9))
    assert [one.name for one in few[:5]] == [one.name for one in many[:5]]


def test_listed_images_are_asked_about_by_turns_and_of_one_fold_once() -> None:
    classes = {"a": tuple(map(part, "uvw")), "b": tuple(map(part, "vx"))}
    one_fold = FewShotSet("here", "letters", (("a", "b"),), classes, is_listed=True)
    asked = [(one.query.name, one.group) for one in episodes_of(one_fold, 1, 1000, 0)]
    assert asked == [("u", "a"), ("v", "a"), ("v", "b"), ("w", "a"), ("x", "b")]
    two = FewShotSet("here", "letters", (("a",), ("b",)), classes, is_listed=True)
    assert [one.query.name for one in episodes_of(two, 1, 4, 0)] == list("uvwuvxvx")


def test_a_class_of_one_image_is_no_question() -> None:
    with pytest.raises(DatasetError, match="no class is shown by two images"):
        episodes_of(shown(a="u"), 1, 10, 0)


def test_a_question_is_a_sample_under_its_own_name(tmp_path: Path) -> None:
    found = shown(a="uv")
    episodes = episodes_of(found, 1, 3, 0)
    asked = questions(episodes, found)
    assert [one.name for one in asked.parts] == [one.name for one in episodes]
    (only,) = asked.parts[0].samples()
    assert isinstance(only, Sample)
    assert only.name == episodes[0].name

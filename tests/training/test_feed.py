"""The feed: the same order for any number of processes, and from any point on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import Dataset, Part, Sample
from anymask.errors import DatasetError, ImageError
from anymask.training.feed import Feed, Position, Served
from tests.training.scripted import dataset

Drawn = tuple[str, float]


def prepare(sample: Sample, rng: np.random.Generator) -> Drawn:
    return sample.name, float(rng.random())


def served(
    data: Dataset, count: int, rank: int = 0, world: int = 1, start: Position | None = None
) -> list[Served[Drawn]]:
    with Feed(data, prepare, 7, rank, world, start) as feed:
        return [next(feed) for _ in range(count)]


def scenes(
    data: Dataset, count: int, rank: int = 0, world: int = 1, start: Position | None = None
) -> list[Drawn]:
    out = [one.scene for one in served(data, count, rank, world, start)]
    return [one for one in out if one is not None]


def test_every_epoch_shows_each_sample_once_in_another_order() -> None:
    names = [name for name, _ in scenes(dataset(9), 27)]
    epochs = [names[i : i + 9] for i in (0, 9, 18)]
    assert all(sorted(epoch) == sorted(names[:9]) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


@pytest.mark.parametrize("per_part", [1, 4])
def test_what_is_left_out_of_samples_is_told_once_and_changes_nothing(per_part: int) -> None:
    plain = dataset(8, per_part)

    def with_notes(part: Part) -> Part:
        def read() -> Iterator[Sample | Unread]:
            for one in part.read():
                yield one
                if isinstance(one, Sample) and int(one.name.removesuffix(".png")) % 2:
                    yield LeftOut(one.name, "a mask", 1)
                    yield LeftOut(one.name, "a part of another")

        return Part(part.name, read)

    data = replace(plain, parts=tuple(map(with_notes, plain.parts)))
    found = served(data, 24)
    assert [replace(one, left_out=()) for one in found] == served(plain, 24)
    told = [note.name for one in found for note in one.left_out]
    assert sorted(told) == sorted(2 * ["1.png", "3.png", "5.png", "7.png"])
    assert all(note.name == one.name for one in found for note in one.left_out)
    assert not any(one.left_out for one in found[8:])


def test_each_visit_draws_anew() -> None:
    drawn = [number for _, number in scenes(dataset(3), 300)]
    assert len(set(drawn)) == 300
    assert stats.kstest(drawn, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("per_part", [1, 4])
def test_a_feed_goes_on_from_any_position_as_if_it_had_never_stopped(per_part: int) -> None:
    data = dataset(10, per_part, broken=(3,))
    whole = served(data, 30)
    for i in (0, 1, 5, 11, 17):
        again = served(data, 30 - i - 1, start=whole[i].after)
        assert again == whole[i + 1 :]


def test_processes_share_what_one_would_see() -> None:
    data = dataset(10)
    alone = scenes(data, 24)
    two = [scenes(data, 12, rank, 2) for rank in (0, 1)]
    assert [one for pair in zip(*two) for one in pair] == alone


def test_shards_are_mixed_within_and_read_whole() -> None:
    data = dataset(60, per_part=30)
    names = [name for name, _ in scenes(data, 60)]
    assert sorted(names) == sorted(f"{i}.png" for i in range(60))
    assert names[:30] != sorted(names[:30], key=lambda name: int(name[:-4]))


def test_what_is_broken_is_passed_over_with_its_reason() -> None:
    def choosy(sample: Sample, rng: np.random.Generator) -> str:
        if sample.name == "2.png":
            raise ImageError("2.png is no image")
        return sample.name

    with Feed(dataset(4, broken=(1,)), choosy, 0) as feed:
        seen = list(feed.first_epoch())
    assert {one.reason for one in seen if one.scene is None} == {"is broken", "2.png is no image"}
    assert {one.scene for one in seen} == {"0.png", "3.png", None}


def test_a_dataset_with_nothing_to_learn_from_is_an_error_not_a_long_wait() -> None:
    data = dataset(5, broken=(0, 1, 2, 3, 4))
    with pytest.raises(DatasetError, match=r"nothing in numbers can be learned from.*is broken"):
        served(data, 50)


def test_an_empty_shard_is_passed_over() -> None:
    parts = (*dataset(2).parts, Part("empty.tar", lambda: iter(())))
    reasons = {one.reason for one in served(Dataset("x", "y", parts), 6)}
    assert reasons == {"", "holds no samples"}


def test_too_few_parts_for_the_processes_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"2 parts .* 4 processes"):
        served(dataset(2), 1, world=4)

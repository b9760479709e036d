"""Scenes: pairs that are coloured alike, whatever is cut, mirrored and stitched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anymask.core import rle
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import VOID_GROUP, Dataset, Part, Sample
from anymask.errors import ImageError
from anymask.training.seggpt.contexts import Contexts
from anymask.training.seggpt.scenes import Pairing, Scene, labelled
from tests.training.scripted import sample
from tests.training.seggpt.tiny import RECIPE, TINY, write_discs

PLAIN = replace(RECIPE, weights="x", mix=0.0, jitter=0.0, flip=0.0, scales=(1.0, 1.0))


def named(number: int, *groups: str | None, kind: str = "semantic") -> Sample:
    """Discs, each of a group."""
    one = sample(number, discs=len(groups))
    return replace(one, groups=groups, kind=kind)


def pairing(samples: list[Sample], **changes: Any) -> Pairing:
    parts = tuple(Part(one.name, lambda one=one: iter([one])) for one in samples)  # type: ignore[misc]
    contexts = Contexts(Dataset("discs", "discs", parts), 0.0, 100)
    return Pairing(TINY, replace(PLAIN, **changes), contexts)


def colors_of(scene: Scene) -> dict[int, set[tuple[int, ...]]]:
    """What each label is painted with, wherever it is."""
    return {
        int(label): {tuple(color) for color in scene.target[scene.labels == label].tolist()}
        for label in np.unique(scene.labels)
    }


CATS_AND_DOGS = [named(0, "cat", "dog"), named(1, "dog", "cat", "owl"), named(2, "owl", "cat")]


@pytest.mark.parametrize("seed", range(8))
def test_both_sides_have_the_same_colours(seed: int) -> None:
    scene = pairing(CATS_AND_DOGS, mix=0.5, flip=0.5, scales=(0.5, 1.0)).scene(
        CATS_AND_DOGS[seed % 3], np.random.default_rng(seed)
    )
    colors = colors_of(scene)
    assert all(len(each) == 1 for each in colors.values())
    assert len({color for each in colors.values() for color in each}) == len(colors)
    assert colors[0] == {(0, 0, 0)}
    assert scene.image.shape == scene.target.shape == (96, 48, 3)
    assert scene.is_masked.shape == (12, 6)
    assert not scene.is_instance


def test_the_context_shows_the_same_group_and_is_another_image() -> None:
    pairs = pairing(CATS_AND_DOGS, several=0.0)
    for seed in range(12):
        scene = pairs.scene(CATS_AND_DOGS[0], np.random.default_rng(seed))
        assert scene.group in ("cat", "dog")
        example, query = np.split(scene.labels, 2)
        assert (example == 1).any()
        wanted = labelled(CATS_AND_DOGS[0], {scene.group: 1}).resized((48, 48)).labels
        assert 0.6 < (query > 0).sum() / (wanted > 0).sum() < 1.7  # the same, but for the cut
        assert not np.array_equal(scene.image[:48], scene.image[48:])


def test_objects_that_are_told_apart_are_seen_twice_in_the_same_image() -> None:
    one = named(3, None, None, None, kind="instance")
    scene = pairing([one], views=1.0, several=1.0).scene(one, np.random.default_rng(0))
    example, query = np.split(scene.labels, 2)
    assert scene.is_instance
    assert set(np.unique(example)) == set(np.unique(query)) == {0, 1, 2, 3}
    assert len({color for each in colors_of(scene).values() for color in each}) == 4


def test_chance_is_all_that_decides() -> None:
    pairs = pairing(CATS_AND_DOGS, mix=0.5, jitter=0.4, flip=0.5, scales=(0.3, 1.0))
    first, again, other = (
        pairs.scene(CATS_AND_DOGS[1], np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    for name in ("image", "target", "labels", "is_masked"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.image, other.image)


def test_what_nobody_decided_about_does_not_count() -> None:
    one = named(0, "cat", VOID_GROUP)
    frame = labelled(one, {"cat": 1})
    assert (frame.labels[rle.decode(one.masks[0])] == 1).all()
    assert (frame.labels[rle.decode(one.masks[1]) & ~rle.decode(one.masks[0])] == -1).all()


def test_a_small_group_is_no_context() -> None:
    share = max(rle.area(mask) for one in CATS_AND_DOGS for mask in one.masks) / 96**2
    parts = tuple(Part(one.name, lambda one=one: iter([one])) for one in CATS_AND_DOGS)  # type: ignore[misc]
    contexts = Contexts(Dataset("discs", "discs", parts), share * 1.01, 100)
    assert contexts.shared(CATS_AND_DOGS[0]) == []


def test_validation_is_one_thing_in_the_colours_of_inference() -> None:
    scene = pairing(CATS_AND_DOGS).validation_scene(CATS_AND_DOGS[2], np.random.default_rng(0))
    assert set(np.unique(scene.target)) == {0, 255}
    assert scene.is_masked[6:].all()
    assert not scene.is_masked[:6].any()
    alone = named(9, None, kind="instance")
    scene = pairing([alone]).validation_scene(alone, np.random.default_rng(0))
    example, query = np.split(scene.labels, 2)
    assert (example[:, ::-1] == query).mean() > 0.97


def test_a_pair_that_shows_nothing_is_passed_over() -> None:
    one = named(0, "cat")
    with pytest.raises(ImageError, match="not an image"):
        pairing([one]).scene(replace(one, content=b"no image"), np.random.default_rng(0))
    nothing = replace(one, masks=(rle.encode(np.zeros((96, 96), bool)),), groups=(None,))
    with pytest.raises(ImageError, match="example shows nothing"):
        pairing([one]).scene(nothing, np.random.default_rng(0))


def test_every_sample_of_a_mixture_is_some_scene(tmp_path: Path) -> None:
    opened = open_dataset(str(write_discs(tmp_path, 3)))
    contexts = Contexts(opened, 0.0, 100)
    for part in opened.parts:
        for one in part.samples():
            assert isinstance(one, Sample)
            assert contexts.shared(one) == ["discs"]
            Pairing(TINY, PLAIN, contexts).scene(one, np.random.default_rng(0))

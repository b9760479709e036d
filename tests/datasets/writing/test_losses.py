"""What is lost is announced, and what is announced is lost: writing and reading back prove it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anymask.core import rle
from anymask.datasets.writing.annotated import AnnotatedImage
from anymask.datasets.writing.formats import DatasetFormat
from anymask.datasets.writing.losses import Loss, LossKind, losses
from anymask.errors import OutputError
from tests.datasets.writing.round_trips import Mask, annotated, read_back

LABELS = st.sampled_from([None, "cat", "dog", "a, b: <c> & 'd' \"ü 🐕\""])
PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
EXACT = [
    form
    for form in DatasetFormat
    if form not in (DatasetFormat.png_instances, DatasetFormat.png_classes)
]


@st.composite
def images(draw: st.DrawFn) -> AnnotatedImage:
    """One of up to four masks: holes, islands, diagonals, single pixels, borders, overlaps."""
    hw = draw(st.tuples(st.integers(2, 10), st.integers(2, 10)))
    masks = draw(st.lists(arrays(bool, hw), min_size=1, max_size=4))
    labels = draw(st.lists(LABELS, min_size=len(masks), max_size=len(masks)))
    return annotated(masks, labels, from_back=draw(st.booleans()))


def kept(image: AnnotatedImage, form: DatasetFormat) -> tuple[list[Mask], list[str | None]]:
    """The masks and labels that reading finds."""
    samples = read_back([image], form)
    assert len(samples) <= 1
    masks = [rle.decode(mask) for sample in samples for mask in sample.masks]
    return masks, [group for sample in samples for group in sample.groups]


@pytest.mark.parametrize("form", EXACT)
@given(image=images())
@PROPERTY
def test_masks_are_the_same_bit_for_bit(form: DatasetFormat, image: AnnotatedImage) -> None:
    announced = losses([image], form)
    visible = [one for one in image.objects if rle.area(one.mask)]
    masks, labels = kept(image, form)
    expected = Counter((rle.encode(mask)["counts"], label) for mask, label in zip(masks, labels))
    after = Counter[tuple[str, str | None]]()
    for one in visible:
        label = one.label
        if label and announced.of(LossKind.labels).masks:
            label = None
        if not label and announced.of(LossKind.unlabelled).masks:
            label = "object"
        after[one.mask["counts"], label] += 1
    assert expected == after
    assert announced.of(LossKind.empty).masks == len(image.objects) - len(visible)
    known = {LossKind.empty, LossKind.labels, LossKind.unlabelled}
    assert {loss.kind for loss in announced.losses} <= known


@pytest.mark.parametrize("form", ["coco", "yolo", "labelme", "label-studio", "cvat"])
@given(label=st.text(min_size=1, max_size=6) | st.sampled_from(["1", "no", " a ", "&lt;", "'"]))
@PROPERTY
def test_a_label_is_kept_or_refused(form: str, label: str) -> None:
    image = annotated([np.ones((2, 3), bool)], [label])
    try:
        losses([image], DatasetFormat(form))
    except OutputError:
        assume(False)
    assert kept(image, DatasetFormat(form))[1] == [label]


@given(image=images())
@PROPERTY
def test_hidden_and_overlapping_instances_are_counted(image: AnnotatedImage) -> None:
    announced = losses([image], DatasetFormat.png_instances)
    visible = [rle.decode(one.mask) for one in image.objects if rle.area(one.mask)]
    masks, _ = kept(image, DatasetFormat.png_instances)
    hidden = len(visible) - len(masks)
    assert announced.of(LossKind.hidden).masks == hidden
    lost = sum(int(mask.sum()) for mask in visible) - sum(int(mask.sum()) for mask in masks)
    parts = [announced.of(kind) for kind in (LossKind.hidden, LossKind.overlaps)]
    assert sum(loss.pixels for loss in parts) == lost
    remaining = Counter(mask.tobytes() for mask in masks)
    unchanged = (Counter(mask.tobytes() for mask in visible) & remaining).total()
    assert parts[1].masks == len(masks) - unchanged


@given(image=images())
@PROPERTY
def test_classes_join_what_has_one_label(image: AnnotatedImage) -> None:
    announced = losses([image], DatasetFormat.png_classes)
    visible = [one for one in image.objects if rle.area(one.mask)]
    masks, _ = kept(image, DatasetFormat.png_classes)
    counts = Counter(one.label or "object" for one in visible)
    assert announced.of(LossKind.joined).masks == sum(n for n in counts.values() if n > 1)
    if not any(announced.of(kind).masks for kind in (LossKind.hidden, LossKind.overlaps)):
        unions = Counter(
            np.any(
                [rle.decode(m.mask) for m in visible if (m.label or "object") == label], axis=0
            ).tobytes()
            for label in counts
        )
        assert Counter(mask.tobytes() for mask in masks) == unions


def test_sentences_have_numbers() -> None:
    below, above = np.zeros((2, 20, 30), bool)
    below[2:10, 2:10] = above[4:6, 4:20] = True
    image = annotated([below, above, above & False], ["cat", None, "dog"], from_back=True)
    assert losses([image], DatasetFormat.png_instances).lines() == [
        "1 mask without a pixel: left out",
        "1 mask of 3 reach under others: 12 pixels go to the upper one",
        "1 mask of 3 have a label: not kept",
    ]
    assert losses([image], DatasetFormat.yolo).losses[1:] == (Loss(LossKind.unlabelled, 1),)


def test_small_masks_lie_over_large_ones_unless_there_is_an_order() -> None:
    small, large = np.zeros((2, 9, 9), bool)
    small[3:5, 3:5] = large[1:8, 1:8] = True
    by_size, ordered = (
        losses([annotated([small, large], from_back=ordered)], DatasetFormat.png_instances)
        for ordered in (False, True)
    )
    assert by_size.losses == (Loss(LossKind.overlaps, 1, 4),)
    assert ordered.losses == (Loss(LossKind.hidden, 1, 4),)


def test_more_than_255_instances() -> None:
    numbers = np.random.default_rng(7).permutation(300).reshape(15, 20)
    values = numbers.repeat(5, axis=0).repeat(5, axis=1)
    image = annotated([values == number for number in range(300)])
    assert losses([image], DatasetFormat.png_instances).losses == ()
    (sample,) = read_back([image], DatasetFormat.png_instances)
    assert len(sample.masks) == 300
    assert "255" not in sample.groups
    assert "301" in sample.groups

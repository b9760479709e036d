"""Statistics of hand-made datasets, by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest

from anymask.core import rle
from anymask.datasets.measuring.comparison import MeasuredDataset, to_json, write_pictures
from anymask.datasets.measuring.dataset_measures import DatasetMeasures
from anymask.datasets.measuring.image_measures import ImageMeasures, measure_part
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Dataset, Part, Sample
from tests.datasets.checking import folders

Mask = npt.NDArray[np.bool_]


def rectangle(left: int, top: int, right: int, bottom: int, hw: tuple[int, int]) -> Mask:
    mask = np.zeros(hw, bool)
    mask[top:bottom, left:right] = True
    return mask


def measured(name: str, *images: list[Mask]) -> MeasuredDataset:
    samples = [
        Sample(f"{n}.png", b"", tuple(map(rle.encode, masks)), tuple("x" for _ in masks))
        for n, masks in enumerate(images)
    ]
    parts = tuple(Part(one.name, partial(iter, [one])) for one in samples)
    dataset = Dataset(name, "a test", parts)
    measures = DatasetMeasures()
    for part in parts:
        for image in measure_part(part):
            measures.add(image)
    return MeasuredDataset(name, dataset, measures)


def ell(hw: tuple[int, int]) -> Mask:
    """A square of 10 with a quarter cut off: 75 of 100 pixels; its hull lacks a triangle."""
    mask = rectangle(0, 0, 10, 10, hw)
    mask[5:10, 5:10] = False
    return mask


def test_every_number_of_a_hand_made_dataset() -> None:
    hw = (20, 40)  # 800 pixels
    half, corner = rectangle(0, 0, 20, 20, hw), rectangle(39, 19, 40, 20, hw)
    numbers = to_json([measured("a", [half, corner], [ell(hw)])])["datasets"][0]
    assert (numbers["images"], numbers["masks"], numbers["mean_masks_per_image"]) == (2, 3, 1.5)
    assert numbers["images_by_masks"]["1 to 10"] == 1
    size = numbers["relative_size"]
    sizes = [np.sqrt(400 / 800), np.sqrt(1 / 800), np.sqrt(75 / 800)]
    assert size["mean"] == pytest.approx(np.mean(sizes), abs=1e-6)
    assert size["highest"] == pytest.approx(np.sqrt(0.5), abs=1e-6)
    assert size["shares"][35] == size["shares"][1] == size["shares"][15] == pytest.approx(1 / 3)
    # The hull of the L ends at the line from (9.5, 4) to (4, 9.5), of pixels' middles: x + y 13.5.
    hull = 75 + sum(1 for x in range(5, 10) for y in range(5, 10) if x + y <= 13.5)
    concavity = 1 - 75 / hull
    assert hull == 85
    assert numbers["concavity"]["highest"] == pytest.approx(concavity, abs=1e-6)
    assert numbers["concavity"]["mean"] == pytest.approx(concavity / 3, abs=1e-6)
    assert numbers["concavity"]["lowest"] == 0
    centres = np.array(numbers["centres"])
    assert centres.sum() == pytest.approx(1, abs=1e-5)
    assert centres[32, 16] == pytest.approx(1 / 3, abs=1e-6)  # (10, 10) of 40 × 20
    assert centres[62, 63] == pytest.approx(1 / 3, abs=1e-6)  # (39.5, 19.5)
    ys, xs = np.nonzero(ell(hw))
    row, column = int((ys.mean() + 0.5) / 20 * 64), int((xs.mean() + 0.5) / 40 * 64)
    assert centres[row, column] == pytest.approx(1 / 3, abs=1e-6)


def test_concavity_is_compared_at_equal_sizes() -> None:
    """Of two strata each counts once, however many masks it has; a third is not common."""
    hw = (40, 40)
    large, small = rectangle(0, 0, 30, 30, hw), rectangle(0, 0, 2, 2, hw)
    one = measured("a", [ell(hw), large, large, large])
    other = measured("b", [ell(hw), ell(hw), large, small])
    result = to_json([one, other])
    assert len(result["common_strata"]) == 2
    concavity = 1 - 75 / 85
    means = [data["concavity"] for data in result["datasets"]]
    assert means[0]["mean"] == pytest.approx(concavity / 4, abs=1e-6)
    assert means[1]["mean"] == pytest.approx(concavity / 2, abs=1e-6)
    assert [m["mean_stratified"] for m in means] == pytest.approx([concavity / 2] * 2, abs=1e-6)
    assert means[0]["shares_stratified"] == means[1]["shares_stratified"]
    assert sum(means[0]["shares_stratified"]) == pytest.approx(1, abs=1e-5)
    strata = result["datasets"][1]["strata"]
    assert sorted(one["masks"] for one in strata)[-3:] == [1, 1, 2]
    assert json.loads(json.dumps(result)) == result


def test_datasets_without_a_common_stratum_are_not_compared() -> None:
    hw = (40, 40)
    one = measured("a", [rectangle(0, 0, 30, 30, hw)])
    other = measured("b", [rectangle(0, 0, 2, 2, hw)])
    result = to_json([one, other])
    assert result["common_strata"] == []
    assert result["datasets"][0]["concavity"]["mean_stratified"] is None


def test_sizes_on_a_border_belong_to_the_smaller_stratum() -> None:
    whole, quarter = (rectangle(0, 0, side, side, (8, 8)) for side in (8, 4))
    strata = to_json([measured("a", [whole, quarter])])["datasets"][0]["strata"]
    counted = [one["relative_size"] for one in strata if one["masks"]]
    assert [high for _, high in counted] == [0.5, 1]


def test_pictures_are_drawn_of_one_dataset_and_of_many(tmp_path: Path) -> None:
    hw = (40, 40)
    sets = [measured(f"set <{n}>", [ell(hw)], [rectangle(0, 0, 30, n + 1, hw)]) for n in range(8)]
    for some in (sets[:1], sets):
        paths = write_pictures(some, tmp_path / "pictures")
        names = ["centres", "masks_per_image", "relative_size", "concavity"]
        assert [path.stem for path in paths] == names
        for path in paths:
            texts = [text.text for text in ElementTree.parse(path).iter() if text.text]
            assert any("set <0>" in text for text in texts), path


def test_sa1b_without_its_images_is_measured_as_with_them(tmp_path: Path) -> None:
    """The fast way and the reader's own; one record has what the reader leaves out."""
    folder = folders.whole(tmp_path / "a", 3)
    content = folders.record(2)
    content["annotations"][0]["segmentation"]["counts"] = "oo"
    folders.write(folder, 2, content)
    dataset = open_dataset(folder)
    plain = replace(dataset, parts=tuple(Part(p.name, partial(_through, p)) for p in dataset.parts))
    results = []
    for one in (dataset, plain):
        measures = DatasetMeasures()
        for part in one.parts:
            for image in measure_part(part):
                measures.add(image)
        results.append(to_json([MeasuredDataset("a", dataset, measures)]))
    assert results[0] == results[1]
    assert results[0]["datasets"][0]["masks"] == 8
    assert results[0]["datasets"][0]["left_out"]["number"] == 1


def _through(part: Part) -> Iterator[Sample | Unread]:
    return part.read()


@pytest.mark.data
def test_measures_of_real_masks_are_those_of_their_pixels(data_folder: Path) -> None:
    measure = pytest.importorskip("skimage.measure")
    part = open_dataset(data_folder / "coco446").parts[7]
    sample = next(iter(part.samples()))
    image = next(iter(measure_part(part)))
    assert isinstance(sample, Sample)
    assert isinstance(image, ImageMeasures)
    height, width = image.hw
    for mask, concavity, centre in zip(sample.masks, image.concavities, image.centres):
        (region,) = measure.regionprops(rle.decode(mask).astype(np.uint8))
        assert concavity == pytest.approx(1 - region.solidity)
        y, x = region.centroid
        assert centre == pytest.approx([(x + 0.5) / width, (y + 0.5) / height])

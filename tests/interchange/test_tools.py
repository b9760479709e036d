"""Files that other tools wrote by their own code: every object is read, or named.

Which pixels of an outline a file means is the tool's own convention, stated for each. A mask that
was written as run lengths or as a picture comes back exactly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anymask.core import rle
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from tests.interchange.conftest import Run, known_masks

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(1800)]

EXACT = {name: int(mask.sum()) for name, mask in known_masks().items()}


def read(folder: Path) -> tuple[dict[str, int], list[int], str]:
    """The area of the object that fits each known mask, those of others, and all that is said."""
    dataset = open_dataset(str(folder))
    found = [sample for part in dataset.parts for sample in part.read()]
    (sample,) = (one for one in found if isinstance(one, Sample))
    assert sample.pixels().shape == (48, 64, 3)
    known, fitting, others = known_masks(), {}, []
    for mask in map(rle.decode, sample.masks):
        ious = {name: (mask & one).sum() / (mask | one).sum() for name, one in known.items()}
        best = max(ious, key=lambda name: float(ious[name]))
        if ious[best] > 0.4 and best not in fitting:
            fitting[best] = int(mask.sum())
        else:
            others.append(int(mask.sum()))
    notes = [*dataset.notes] if hasattr(dataset, "notes") else []
    said = [one.reason for one in [*found, *notes] if isinstance(one, Unread)]
    return fitting, others, "\n".join(said)


def test_supervision_coco(scene: Path, run: Run) -> None:
    """Polygons lie on the centres of the outermost pixels, so that COCO's rule takes a row less.

    A strip of a pixel has no polygon: it is named.
    """
    run("detection", "supervision_coco", scene)
    fitting, others, said = read(scene)
    assert fitting == {"plain": 11 * 19, "hole": EXACT["hole"], "parts": EXACT["parts"]}
    assert others == []
    assert "4" in said


def test_datumaro_coco(scene: Path, run: Run) -> None:
    """Run lengths, exact, and all marked as crowds; the box alone is named."""
    run("detection", "datumaro_formats", scene, "coco_instances")
    fitting, others, said = read(scene / "out")
    assert (fitting, others) == (EXACT, [])
    assert "99" in said


def test_datumaro_segment_anything(scene: Path, run: Run) -> None:
    """SA-1B's records, without points; no record of a box alone."""
    run("detection", "datumaro_formats", scene, "segment_anything")
    assert read(scene / "out") == (EXACT, [], "")


@pytest.mark.parametrize("image", ["beside", "inside"])
def test_labelme(scene: Path, run: Run, image: str) -> None:
    """Masks are exact; outlines are what labelme draws; what has no area is named."""
    run("labelling", "labelme_files", scene, image)
    if image == "inside":
        (scene / "a.png").unlink()
    fitting, _, said = read(scene)
    assert fitting == EXACT
    drawn = np.load(scene / "drawn.npz")["masks"]
    (part,) = open_dataset(str(scene)).parts
    sample = next(iter(part.read()))
    assert isinstance(sample, Sample)
    names = ("polygon", "rectangle", "circle", "oriented_rectangle", "strip")
    assert sample.groups[4:] == names
    for mask, expected in zip(sample.masks[4:], drawn):
        np.testing.assert_array_equal(rle.decode(mask), expected)
    for kind in ("point", "line", "linestrip"):
        assert f"({kind}): a {kind} has no area" in said


def test_label_studio_strokes(scene: Path, run: Run) -> None:
    """Exact, whether its encoder was given 1 or 255."""
    run("labelling", "label_studio_tasks", scene)
    assert read(scene / "strokes") == (EXACT, [], "")


def test_label_studio_polygons(scene: Path, run: Run) -> None:
    """Percent of corners, as its importer makes them of COCO: exact; the box is named."""
    run("labelling", "label_studio_tasks", scene)
    fitting, others, said = read(scene / "polygons")
    assert (fitting, others) == ({"plain": EXACT["plain"]}, [10])
    assert "a box has no mask" in said


def test_sahi_coco(scene: Path, run: Run) -> None:
    """Polygons on the centres of the outermost pixels, without holes, as OpenCV's outlines are.

    A strip of a pixel becomes a box, as does a box: both have no mask and are named.
    """
    run("labelling", "sahi_coco", scene)
    fitting, others, said = read(scene)
    assert fitting == {"plain": 11 * 19, "hole": 15 * 21, "parts": 9 * 9 + 5 * 15}
    assert others == []
    assert "4" in said
    assert "5" in said

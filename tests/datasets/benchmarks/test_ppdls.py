"""PPDLS: leaves as values, palettes and colours."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from anymask.datasets.benchmarks import ppdls
from anymask.datasets.listing import list_files
from anymask.datasets.photographs import Unread
from tests.datasets.pictures import boxes, number_of, read_whole, save


def test_leaves(tmp_path: Path) -> None:
    for name in ("Plant/Ara2012/ara2012_plant001", "Plant/Tobacco/tobacco_plant001", "A1/plant001"):
        save(tmp_path / f"{name}_rgb.png")
        save(tmp_path / f"{name}_fg.png", boxes(255))
    save(tmp_path / "Plant/Ara2012/ara2012_plant001_label.png", boxes(1, 2, 3))
    picture = Image.fromarray(boxes(1, 2)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    save(tmp_path / "Plant/Tobacco/tobacco_plant001_label.png", picture)
    save(tmp_path / "A1/plant001_label.png", boxes((255, 0, 0), (1, 2, 3)))
    save(tmp_path / "Tray/Ara2012/ara2012_tray01_rgb.png")
    dataset = ppdls.read(list_files(str(tmp_path)))
    assert dataset
    assert dataset.kind == "PPDLS leaves"
    a1, ara, tobacco, tray = read_whole(dataset)
    assert ara.name == "Plant/Ara2012/ara2012_plant001_rgb.png"
    assert number_of(ara) == {0: None, 1: None, 2: None}
    assert number_of(tobacco) == number_of(a1) == {0: None, 1: None}
    assert tray == Unread("Tray/Ara2012/ara2012_tray01_rgb.png", "has no picture of its masks")
    assert ppdls.read(list_files(str(tmp_path / "Tray"))) is None

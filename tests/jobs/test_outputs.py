"""No result takes the place of a photograph, whatever name it is reached by."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from anymask.datasets.photographs import find_photographs
from anymask.errors import Error
from anymask.jobs.many_images import named_results
from anymask.jobs.outputs import check_outputs
from anymask.jobs.results import Format

PICTURES = [form for form in Format if form.is_of_pictures]


def photograph(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3)).save(path, format="PNG")
    return path


def check(out: Path, form: Format, *arguments: Path) -> None:
    found = find_photographs([str(argument) for argument in arguments], out).photographs
    assert found
    check_outputs(named_results(found, form), out, form)


@pytest.mark.parametrize("form", list(Format))
def test_a_folder_of_its_own_is_always_right(tmp_path: Path, form: Format) -> None:
    photograph(tmp_path / "in" / "a.jpg")
    for out in (tmp_path / "out", tmp_path / "in" / "out", tmp_path / "in2"):
        check(out, form, tmp_path / "in")


@pytest.mark.parametrize("form", PICTURES)
@pytest.mark.parametrize("name", ["in", "in/../in", "link", "in/sub/.."])
def test_pictures_of_masks_may_not_lie_among_photographs(
    tmp_path: Path, form: Format, name: str
) -> None:
    photograph(tmp_path / "in" / "a.jpg")
    photograph(tmp_path / "in" / "sub" / "b.jpg")
    (tmp_path / "link").symlink_to("in")
    for argument in ("in", "in/a.jpg", "in/sub", "in/sub/b.jpg"):
        with pytest.raises(Error, match="would mix with photographs; take another --out"):
            check(tmp_path / name, form, tmp_path / argument)
    for form in (Format.json, Format.coco):
        check(tmp_path / name, form, tmp_path / "in")


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_result_that_is_a_photograph_by_another_name_is_refused(
    tmp_path: Path, link: object
) -> None:
    source = photograph(tmp_path / "in" / "a.jpg")
    (tmp_path / "out").mkdir()
    assert callable(link)
    link(source, tmp_path / "out" / "a.json")
    with pytest.raises(Error, match=r"a\.json would take the place of the photograph .*in/a\.jpg"):
        check(tmp_path / "out", Format.json, tmp_path / "in")


def test_a_photograph_that_is_called_as_a_result_is_not_overwritten(tmp_path: Path) -> None:
    odd = photograph(tmp_path / "instances.json")
    with pytest.raises(Error, match="would take the place of the photograph"):
        check(tmp_path, Format.json, odd)
    with pytest.raises(Error, match="would take the place of the photograph"):
        check(tmp_path, Format.coco, odd)

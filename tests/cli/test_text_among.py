"""``--among`` of a folder: each image's words choose among what a file has of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from anymask.cli.by_words import text_options
from tests.cli.test_text import Capture, folder, run, scene

__all__ = ["folder"]

HALF = [[2, 10, 22, 10, 22, 28, 2, 28]]  # of the square at the left
WORDS = ["masks", "in", "--out", "out", "--text", "all reds", "--among", "found.json"]


def write(segmentations: dict[str, Any], **more: Any) -> None:
    """A COCO file of images with a mask each, or a box, or nothing."""
    images, annotations = [], []
    for number, (name, one) in enumerate(segmentations.items(), start=1):
        images.append({"id": number, "file_name": name, "height": 40, "width": 90, **more})
        drawn = {"bbox": one} if one and not isinstance(one[0], list) else {"segmentation": one}
        annotations += [{"id": number, "image_id": number, **drawn}] if one else []
    Path("found.json").write_text(json.dumps({"images": images, "annotations": annotations}))


def record(name: str) -> Any:
    return json.loads(Path("out", f"{name}.json").read_text())


def test_each_image_takes_the_masks_of_its_own_entry(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene(folder / "in" / "a" / "two.png", left="green", right="red")
    right = [[62, 10, 82, 10, 82, 20, 62, 20]]
    write({"two.png": HALF, "a/two.png": right, "both.png": []})
    status, _, said = run(capsys, monkeypatch, *WORDS, "--json")
    assert status == 0
    assert "note: found.json says nothing of 1 of 4 images, in which nothing is looked" in said
    assert [one["bbox"] for one in record("two")["annotations"]] == [[2, 10, 20, 18]]
    assert [one["bbox"] for one in record("a/two")["annotations"]] == [[62, 10, 20, 10]]
    assert record("other")["annotations"] == record("both")["annotations"] == []
    assert record("other")["reasons"] == ["found.json says nothing of other.png"]
    assert "nothing at all was found" in record("both")["reasons"][0]
    assert "not all that was asked for is in both.png (nothing is like 'reds'" in said
    assert "reasons" not in record("two")


def test_a_folder_goes_on_with_the_same_candidates_only(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"two.png": HALF, "other.png": [], "both.png": HALF})
    run(capsys, monkeypatch, *WORDS)
    status, _, said = run(capsys, monkeypatch, *WORDS)
    assert (status, "0 done, 3 there already" in said) == (0, True)
    write({"two.png": HALF, "other.png": [], "both.png": []})
    for words in (WORDS, WORDS[:-2]):
        status, _, said = run(capsys, monkeypatch, *words)
        assert status == 1
        assert "results of other settings (among was" in said


@pytest.mark.usefixtures("folder")
def test_a_file_that_does_not_fit_is_said_before_weights_are_loaded(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: Any) -> Any:
        raise AssertionError("weights are loaded")

    monkeypatch.setattr(text_options, "load_words", load)

    def by_name(one: Any) -> dict[str, Any]:
        return dict.fromkeys(("two.png", "other.png", "both.png"), one)

    far = [80, 30, 30, 5]
    wrong: dict[str, Any] = {
        "found.json can't be read: No such file": None,
        "found.json is no JSON": "no json",
        "is no COCO file: it has no list of images": {"masks": []},
        "says nothing of the 3 images: it has cat.png, not both.png, other.png": {"cat.png": HALF},
        "fits none of the 3 images: both.png: the box 80,30,110,35 leaves": by_name(far),
        "is 90×40 (width×height), but 90×80 by the file": by_name(HALF),
    }  # fmt: skip
    for said, content in wrong.items():
        if isinstance(content, str):
            Path("found.json").write_text(content)
        elif content is not None and "masks" in content:
            Path("found.json").write_text(json.dumps(content))
        elif content is not None:
            write(content, **({"height": 80} if "by the file" in said else {}))
        status, _, error = run(capsys, monkeypatch, *WORDS)
        assert (status, said in error, Path("out").exists()) == (1, True, False), error
        assert len(error.strip().splitlines()) == 1, error
    status, _, error = run(capsys, monkeypatch, *WORDS[:4], *WORDS[6:])
    assert status == 2
    assert "--among goes with --text" in error


def test_images_that_share_an_entry_are_refused_and_one_that_does_not_fit_is_left_out(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene(folder / "in" / "a" / "two.png", left="green", right="red")
    write({"two.png": HALF})
    status, _, said = run(capsys, monkeypatch, *WORDS)
    assert status == 1
    assert "found.json has one two.png for a/two.png and two.png; list each, with" in said
    for name in ("in/7.png", "in/a/7.png"):
        scene(folder / name, left="red")
    Path("found.json").write_text(json.dumps([{"image_id": 7, "bbox": [2, 10, 20, 20]}]))
    status, _, said = run(capsys, monkeypatch, *WORDS)
    assert status == 1
    assert "found.json has one image 7 for 7.png and a/7.png; give their folders" in said
    for name in ("in/7.png", "in/a/7.png"):
        Path(name).unlink()
    write({"two.png": HALF, "a/two.png": HALF, "other.png": [80, 30, 30, 5]})
    status, out, said = run(capsys, monkeypatch, *WORDS, "--json")
    assert status == 1
    assert "note: found.json does not fit 1 of 4 images: other.png: the box" in said
    assert [one["image"] for one in json.loads(out)["broken"]] == ["other.png"]
    assert not Path("out/other.json").exists()

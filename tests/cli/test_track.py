"""``anymask track`` as a person runs it: masks, a film, stopped and run again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from anymask.cli.by_example import example_options
from anymask.cli.main import main
from anymask.core.drawing import film
from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import Labels, Pixels
from anymask.datasets import sa1b_record
from anymask.predict.in_context.answer import InContextAnswer
from tests.datasets.filming.test_frames import video
from tests.predict.in_context.by_colour import ByColour

Capture = pytest.CaptureFixture[str]
RED, GREEN = (200, 20, 20), (20, 200, 20)
FRAMES = 5


@dataclass(frozen=True)
class Counting(ByColour):
    """Counts the frames that it was asked about, and ends after some, as a killed process does."""

    asked: list[int] = field(default_factory=list)
    most: int = 100

    def follow(
        self,
        frames: Iterable[Pixels],
        first: Labels,
        also: Sequence[Example] = (),
        *,
        known: Sequence[InContextAnswer] = (),
    ) -> Iterator[InContextAnswer]:
        for answer in super().follow(frames, first, also, known=known):
            if len(self.asked) >= self.most:
                raise KeyboardInterrupt
            self.asked.append(len(known))
            yield answer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A red square that moves to the right, and a green one that stays; their masks in two."""
    (tmp_path / "film").mkdir()
    for number in range(FRAMES):
        pixels = np.zeros((20, 40, 3), np.uint8)
        pixels[2:8, 2 + 5 * number : 8 + 5 * number] = RED
        pixels[12:18, 2:8] = GREEN
        Image.fromarray(pixels).save(tmp_path / "film" / f"f{number}.png")
    for name, at in (("first.png", 2), ("third.png", 12)):
        values = np.zeros((20, 40), np.uint8)
        values[2:8, at : at + 6] = 3
        values[12:18, 2:8] = 8
        Image.fromarray(values).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
    by: ByColour | None = None,
) -> tuple[int, str, str]:
    monkeypatch.setattr(example_options, "load_follower", lambda *_: by or ByColour())
    monkeypatch.setattr(sys, "argv", ["anymask", "track", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def values(path: Path) -> list[list[int]]:
    """For each value of a picture, its number and the first column that it is in."""
    picture = np.asarray(Image.open(path))
    return [[int(v), int(np.where(picture == v)[1].min())] for v in np.unique(picture) if v]


def test_both_objects_are_followed_under_the_numbers_of_their_mask(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["film", "--out", "out", "--like", "film/f0.png:first.png"]
    status, out, said = run(capsys, monkeypatch, *words)
    assert status == 0, said
    for number in range(FRAMES):
        assert values(folder / "out" / f"f{number}.png") == [[3, 2 + 5 * number], [8, 2]]
    assert "5 frames: 5 done, 0 there already" in said
    assert "least sure of: f" in said
    assert out.split() == ["out", str(Path("out/overlay.mp4"))]
    shown = cv2.VideoCapture("out/overlay.mp4")
    there, first = shown.read()
    assert there
    assert first.shape == (20, 40, 3)


def test_a_killed_run_goes_on_where_it_was(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["film", "--out", "out", "--like", "1:first.png", "--no-video"]
    killed = Counting(most=2)
    status, _, said = run(capsys, monkeypatch, *words, by=killed)
    assert status == 130
    assert "run the same command again" in said
    assert len(list((folder / "out").glob("*.png"))) == 3
    again = Counting()
    status, _, said = run(capsys, monkeypatch, *words, by=again)
    assert status == 0
    assert again.asked == [2, 2]  # two more, with two remembered
    assert "2 done, 3 there already" in said
    assert values(folder / "out" / "f4.png") == [[3, 22], [8, 2]]
    status, _, said = run(capsys, monkeypatch, *words[:-2], "1:third.png", "--no-video")
    assert status == 1
    assert "masks of another run (not the same: known)" in said


def test_frames_before_the_mask_are_followed_back_and_another_mask_takes_over(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting()
    words = ["film", "--out", "out", "--no-video", "--like", "film/f2.png:third.png"]
    status, _, _ = run(capsys, monkeypatch, *words, by=counting)
    assert status == 0
    assert len(counting.asked) == FRAMES - 1
    assert values(folder / "out" / "f0.png") == [[3, 2], [8, 2]]
    counting = Counting()
    both = ["--like", "1:first.png", "--like", "3:third.png"]
    status, _, _ = run(
        capsys, monkeypatch, "film", "--out", "two", "--no-video", *both, by=counting
    )
    assert status == 0
    assert len(counting.asked) == FRAMES - 2


def test_records_have_a_mask_a_label(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["film", "--out", "out", "--like", "1:first.png", "--format", "json", "--json"]
    status, out, _ = run(capsys, monkeypatch, *words, "--no-video", by=Counting(most=2))
    assert status == 130
    status, out, _ = run(capsys, monkeypatch, *words, "--video", "seen.mp4")
    assert status == 0
    assert Path("seen.mp4").stat().st_size > 100
    summary = json.loads(out)
    assert list(summary["scores"]) == [f"f{number}" for number in range(FRAMES)]
    record = sa1b_record.from_bytes((folder / "out" / "f4.json").read_bytes(), "f4.json")
    assert [one["label"] for one in record["annotations"]] == [3, 8]
    assert [one["bbox"][0] for one in record["annotations"]] == [22, 2]


def test_an_example_that_is_no_frame_is_sought_in_one(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "film" / "f0.png").rename(folder / "apart.png")
    words = ["film", "--out", "out", "--no-video", "--like", "apart.png:first.png"]
    status, _, _ = run(capsys, monkeypatch, *words, "--frame", "2")
    assert status == 0
    assert values(folder / "out" / "f1.png") == [[3, 7], [8, 2]]
    assert values(folder / "out" / "f4.png") == [[3, 22], [8, 2]]


def test_a_video_is_followed_by_the_number_of_its_frame(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    video(folder / "grey.mp4")
    values = np.zeros((32, 48), np.uint8)
    values[:, :20] = 255
    Image.fromarray(values).save("half.png")
    status, _, said = run(capsys, monkeypatch, "grey.mp4", "--out", "out", "--like", "2:half.png")
    assert status == 0, said
    assert sorted(path.name for path in (folder / "out").glob("*.png")) == [
        f"0000{number}.png" for number in range(1, 5)
    ]


def test_an_animation_where_there_is_no_codec(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film, "_open_video", lambda *_: None)
    words = ["film", "--out", "out", "--like", "1:first.png"]
    status, out, _ = run(capsys, monkeypatch, *words)
    assert status == 0
    assert out.split()[-1] == str(Path("out/overlay.webp"))
    with Image.open("out/overlay.webp") as animation:
        assert animation.n_frames == FRAMES  # type: ignore[attr-defined]


def test_what_can_not_be_followed_is_refused(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    like = ["--like", "1:first.png"]
    refused = {
        "say what to follow": ["film", "--out", "out"],
        "takes the place of --point": ["film", "--out", "out", *like, "--point", "3,3"],
        "there is no frame 9": ["film", "--out", "out", "--like", "9:first.png"],
        "the film has 5 frames": ["film", "--out", "out", "--point", "1,1", "--frame", "6"],
        "given two masks": ["film", "--out", "out", *like, "--like", "film/f0.png:first.png"],
        "masks would mix with them": ["film", "--out", "film", *like],
        "must end in one of": ["film", "--out", "out", *like, "--video", "a.gif"],
        "answers no points": ["film", "--out", "out", "--point", "3,3"],
    }
    for said, words in refused.items():
        status, _, error = run(capsys, monkeypatch, *words)
        assert status != 0
        assert said in " ".join(error.replace("│", " ").split()), error
    assert not (folder / "out").exists()

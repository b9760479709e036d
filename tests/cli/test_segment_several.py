"""``anymask segment`` on several images, from standard input, by a table; what it refuses."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from anymask.cli.main import main
from anymask.weights.checkpoint import Checkpoint


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Segment = Callable[..., Done]
POINT = ("--point", "45,30")


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: weights ``w`` and photographs of 90×60 in ``a/`` and ``b/``."""
    tiny_checkpoint.save(tmp_path / "w")
    rng = np.random.default_rng(0)
    for name in ("a/x.png", "a/y.png", "b/x.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def segment(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Segment:
    """Run the command in this process."""

    def run(*arguments: str) -> Done:
        argv = ["anymask", "segment", "--weights", "w", *arguments]
        monkeypatch.setattr(sys, "argv", argv)
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        assert isinstance(code, int)
        return Done(code, out, err)

    return run


def strokes(path: Path, colours: tuple[str, ...] = ("white", "red")) -> None:
    picture = Image.new("RGB", (90, 60))
    for number, colour in enumerate(colours):
        y = 15 + 25 * number
        ImageDraw.Draw(picture).line([(10, y), (80, y)], fill=colour, width=4)
    picture.save(path)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("arguments", [("a",), ("a/*.png",), ("a/x.png", "a/y.png"), ("a/",)])
def test_several_images_go_to_a_folder(
    folder: Path, segment: Segment, arguments: tuple[str, ...]
) -> None:
    done = segment(*arguments, *POINT, "--out", "o", "--format", "json")
    assert (done.code, done.out) == (0, "o\n"), done.err
    assert names(folder / "o") == ["x.json", "y.json"]
    assert json.loads((folder / "o/x.json").read_text())["image"]["file_name"] == "x.png"


def test_one_stem_in_two_folders_keeps_the_folders(folder: Path, segment: Segment) -> None:
    assert segment("a", "b", *POINT, "--out", "o").code == 0
    assert names(folder / "o") == ["a/x.png", "b/x.png", "y.png"]


def test_records_on_standard_output_are_a_line_each(folder: Path, segment: Segment) -> None:
    done = segment("a", "b/x.png", *POINT, "--json")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [record["image"]["file_name"] for record in records] == ["x.png", "y.png", "x.png"]
    assert names(folder) == names(folder)
    assert not (folder / "x_mask.png").exists()


def test_a_broken_image_is_named_at_the_end_and_the_rest_is_done(
    folder: Path, segment: Segment
) -> None:
    (folder / "a/x.png").write_bytes(b"hello")
    done = segment("a", *POINT, "--out", "o")
    assert done.code == 1
    assert "2 images: 1 done, 1 not" in done.err
    assert "x.png" in done.err.splitlines()[-1]
    assert names(folder / "o") == ["y.png"]


def test_an_image_may_come_on_standard_input(
    folder: Path, segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pipe(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    pipe((folder / "a/x.png").read_bytes())
    done = segment("-", *POINT)
    assert (done.code, done.out) == (0, "stdin_mask.png\n"), done.err
    pipe((folder / "a/x.png").read_bytes())
    piped = segment("-", *POINT, "--json")
    named = segment("a/x.png", *POINT, "--json")
    annotations = [json.loads(one.out)["annotations"] for one in (piped, named)]
    assert annotations[0] == annotations[1]
    pipe(b"")
    assert "standard input is empty" in segment("-", *POINT).err
    assert segment("-", "-", *POINT, "--json").code == 2


def test_a_url_is_an_image(folder: Path, segment: Segment) -> None:
    done = segment(f"file://{folder}/a/x.png", *POINT)
    assert (done.code, done.out) == (0, "x_mask.png\n"), done.err


def test_a_table_says_what_to_look_for_in_which_image(folder: Path, segment: Segment) -> None:
    strokes(folder / "s.png")
    (folder / "p.csv").write_text(
        "image,object,x,y,label,x0,y0,x1,y1,scribble\n"
        "a/x.png,1,45,30,1,,,,,\n"
        "a/x.png,1,5,5,0,,,,,\n"
        "b/x.png,,,,,5,5,60,50,\n"
        "a/x.png,2,,,,,,,,s.png\n"
        "c/no.png,,1,1,,,,,,\n"
    )
    done = segment("--prompts", "p.csv", "--out", "o", "--format", "npz")
    assert done.code == 1
    assert "c/no.png: is not there" in done.err
    assert names(folder / "o") == ["a/x.npz", "b/x.npz"]
    assert np.load(folder / "o/a/x.npz")["masks"].shape == (2, 1, 60, 90)
    clicks = segment("a/x.png", *POINT, "--point", "5,5,0", "--out", "c.npz")
    assert clicks.code == 0
    alone, of_table = np.load(folder / "c.npz")["masks"], np.load(folder / "o/a/x.npz")["masks"]
    np.testing.assert_array_equal(alone[0], of_table[0])


def test_a_table_and_images_meet_by_name(folder: Path, segment: Segment) -> None:
    (folder / "p.csv").write_text("image,x,y,who\nx.png,45,30,me\nz.png,1,1,me\n")
    done = segment("a", "--prompts", "p.csv", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["image"]["file_name"] == "x.png"
    assert "not used are the columns who" in done.err
    assert "names what was not given: z.png" in done.err
    assert "says nothing of y.png: passed over" in done.err
    ambiguous = segment("a", "b", "--prompts", "p.csv", "--json")
    assert ambiguous.code == 1
    assert "give a longer path" in ambiguous.err


def test_a_line_about_what_lies_outside_is_named(folder: Path, segment: Segment) -> None:
    (folder / "p.csv").write_text("image,x,y\na/x.png,45,30\na/x.png,450,30\na/y.png,1,1\n")
    done = segment("--prompts", "p.csv", "--out", "o")
    assert done.code == 1
    assert "p.csv, line 3: the point 450,30 lies outside" in done.err
    assert names(folder / "o") == ["a/y.png"]


def test_what_does_not_fit_is_said_before_the_weights_are_loaded(
    folder: Path, segment: Segment
) -> None:
    table = "image,x,y,scribble\na/x.png,45,30,\nb/x.png,450,30,\na/y.png,,,no.png\n"
    (folder / "p.csv").write_text(table)
    done = segment("--prompts", "p.csv", "--out", "o", "--weights", "no-such-weights")
    assert done.code == 1
    first, last = done.err.splitlines()
    assert first.startswith("note: 2 of 3 images can't be asked this and are left out: b/x.png and")
    assert "p.csv, line 3: the point 450,30" in first
    assert "no-such-weights" in last
    done = segment("a", *POINT, "--point", "450,30", "--json", "--weights", "no-such-weights")
    assert (done.code, done.err.splitlines()[1]) == (1, "2 images: 0 done, 2 not")


def test_an_image_that_is_given_twice_is_told_and_counted_once(
    folder: Path, segment: Segment
) -> None:
    (folder / "a/z.png").write_bytes(b"hello")
    done = segment("a", "a/x.png", "b/../a/z.png", *POINT, "--json")
    assert len(done.out.splitlines()) == 2
    note, bar, summary, _ = done.err.splitlines()
    assert note == "note: given more than once, and counted once: x.png, z.png"
    assert bar.startswith("3/3 images")
    assert summary == "3 images: 2 done, 1 not"


def test_all_names_of_an_image_in_a_table_are_one(folder: Path, segment: Segment) -> None:
    place = folder / "a/x.png"
    table = f"image,object,x,y,label\na/x.png,1,45,30,1\n./a/x.png,1,5,5,0\n{place},,9,9,1\n"
    (folder / "p.csv").write_text(table)
    for images in ((), ("a",)):
        done = segment(*images, "--prompts", "p.csv", "--json")
        assert done.code == 0, done.err
        annotations = json.loads(done.out)["annotations"]
        assert [one["point_coords"] for one in annotations] == [[[45, 30], [5, 5]], [[9, 9]]]


def test_strokes_are_a_prompt(folder: Path, segment: Segment) -> None:
    strokes(folder / "s.png")
    done = segment("a/x.png", "--scribble", "s.png", "--json")
    assert done.code == 0, done.err
    (annotation,) = json.loads(done.out)["annotations"]
    for x, y in annotation["point_coords"]:
        assert 10 <= x <= 80
        assert 13 <= y <= 42
    assert len(json.loads(segment("a/x.png", "--scribble", "s.png", "--all-masks", "--json").out)[
        "annotations"
    ]) == 3  # fmt: skip
    strokes(folder / "s.png", ("white", "lime"))
    done = segment("a/x.png", "--scribble", "s.png")
    assert done.code == 1
    assert "white and green" in done.err or "green and white" in done.err


def test_a_mark_that_is_a_stroke_is_answered_with_a_hint(folder: Path, segment: Segment) -> None:
    strokes(folder / "s.png", ("white",))
    done = segment("a/x.png", "--mask", "s.png")
    assert done.code == 0
    assert "s.png is as thin as a stroke" in done.err
    assert "--scribble" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a/x.png", *POINT, "--out", "a/x.png"), "a/x.png is an input"),
        (("a/x.png", *POINT, "--out", "a/../a/x.png"), "is an input"),
        (("a/x.png", *POINT, "--out", "link.png"), "link.png is an input"),
        (("a/x.png", "--mask", "m.png", "--out", "m.png"), "m.png is an input"),
        (("a/x.png", "--scribble", "m.png", "--out", "m.png"), "m.png is an input"),
        (("a", *POINT, "--out", "a"), "is an input"),
        (("a/x.png", *POINT, "--out", "p.csv/o.png"), "p.csv is no folder"),
        (("a/x.png", "--scribble", "p.csv"), "the scribble p.csv is not an image of a known"),
        (("a/x.png", "--prompts", "no.csv"), "no.csv can't be read: No such file or directory"),
        (("a", *POINT, "--out", "a/x.png"), "a/x.png is no folder"),
        (("a", *POINT, "--out", "p.csv/o"), "p.csv is no folder"),
        (("a/x.png", "--box", "10,10,10,40"), "no area"),
        (("a/x.png", "--box", "10,10,100,40"), "leaves the image"),
        (("a/x.png", "--mask", "empty.png"), "empty.png is empty"),
    ],
)
def test_what_cannot_be_is_refused_before_the_weights_are_loaded(
    folder: Path, segment: Segment, arguments: tuple[str, ...], message: str
) -> None:
    Image.new("L", (90, 60), 255).save(folder / "m.png")
    Image.new("L", (90, 60)).save(folder / "empty.png")
    (folder / "link.png").symlink_to("a/x.png")
    (folder / "p.csv").touch()
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    done = segment(*arguments, "--weights", "no-such-weights")
    assert done.code == 1
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_folder_that_is_read_only_is_found_first(folder: Path, segment: Segment) -> None:
    (folder / "r").mkdir(mode=0o500)
    done = segment("a/x.png", *POINT, "--out", "r/o.png", "--weights", "no-such-weights")
    assert "may not be written to" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say which image"),
        (("a/x.png", *POINT, "--prompts", "p.csv"), "--prompts takes the place"),
        (("a/x.png", "--mask", "m.png", "--scribble", "m.png"), "--mask and --scribble"),
        (("a/x.png", *POINT, "--out", "o.json", "--picture", "mask"), "--picture mask changes"),
        (("a/x.png", *POINT, "--json", "--picture", "mask"), "--picture mask changes"),
        (("a/x.png", *POINT, "--picture", "mask", "--all-masks"), "--all-masks changes nothing"),
        (
            ("a/x.png", "--box", "1,1,9,9", "--box", "1,1,8,8", "--all-masks"),
            "--all-masks changes nothing",
        ),
        (("a/x.png", *POINT, "--out", "o.json", "--format", "json"), "--format json goes with"),
        (("a", *POINT), "several images need a folder"),
        (("a", *POINT, "--out", "o.json"), "several images go to a folder"),
        (("a/x.png", "--point", "5;3"), "--point 5;3"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(
    segment: Segment, arguments: tuple[str, ...], message: str
) -> None:
    done = segment(*arguments)
    assert done.code == 2
    assert message in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        ((*POINT, "--clean"), "clean without --clean"),
        ((*POINT, "--out", "o.json", "--no-clean"), "without --no-clean"),
        ((*POINT, "--out", "o.json", "--clean"), ""),
        ((*POINT, "--no-clean"), ""),
    ],
)
def test_an_option_that_is_as_things_are_gets_a_note(
    segment: Segment, arguments: tuple[str, ...], note: str
) -> None:
    done = segment("a/x.png", *arguments)
    assert done.code == 0
    assert (note in done.err) if note else (done.err == "")


@pytest.mark.parametrize(
    ("ending", "sign"),
    [
        (".json", '"annotations"'), (".coco.json", '"categories"'),
        (".geojson", "FeatureCollection"), (".svg", "<svg"),
    ],
)  # fmt: skip
def test_the_ending_decides_the_format(
    folder: Path, segment: Segment, ending: str, sign: str
) -> None:
    assert segment("a/x.png", *POINT, "--out", f"o{ending}").code == 0
    assert sign in (folder / f"o{ending}").read_text()

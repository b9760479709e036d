"""Pictures of scribbles, as programs and people make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from anymask.core.scribbles.scribble import Mask, Scribble
from anymask.core.scribbles.stroke_colours import colour_name, read_scribble
from anymask.errors import ImageError, PromptError

WIDTH, HEIGHT = 120, 80
HW = (HEIGHT, WIDTH)
OURS, THEIRS = [(10, 20), (60, 30)], [(20, 60), (100, 60)]
Colour = str | tuple[int, ...] | int


def stroke(line: list[tuple[int, int]]) -> Mask:
    picture = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(picture).line(line, fill=255, width=5)
    return np.asarray(picture) > 0


def drawn(
    mode: str, ground: Colour, ours: Colour, theirs: Colour | None = None, smooth: bool = False
) -> Image.Image:
    """A picture of two strokes; smooth: with the soft edges that brushes leave."""
    scale = 4 if smooth else 1
    picture = Image.new(mode, (WIDTH * scale, HEIGHT * scale), ground)
    draw = ImageDraw.Draw(picture)
    for line, fill in ((OURS, ours), (THEIRS, theirs)):
        if fill is not None:
            scaled = [(x * scale, y * scale) for x, y in line]
            draw.line(scaled, fill=fill, width=5 * scale)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX) if smooth else picture


def read(picture: Image.Image, folder: Path, name: str = "s.png") -> Scribble:
    picture.save(folder / name)
    return read_scribble(folder / name, HW)


def overlap(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize(
    ("mode", "ground", "ours", "theirs"),
    [
        ("RGBA", (0, 0, 0, 0), "lime", "red"),
        ("RGBA", (255, 255, 255, 0), "white", "black"),
        ("RGBA", (0, 0, 0, 0), (0, 160, 60, 255), (200, 30, 30, 255)),
        ("RGB", "black", "white", "red"),
        ("RGB", "black", (255, 255, 207), (219, 0, 0)),
        ("RGB", "white", "green", "red"),
        ("RGB", "white", "yellow", "blue"),
        ("L", 0, 255, 128),
        ("L", 128, 255, 0),
        ("L", 0, 1, 2),
        ("P", 0, 1, 2),
    ],
)
def test_two_colours_say_what_is_object_and_what_is_not(
    tmp_path: Path, mode: str, ground: Colour, ours: Colour, theirs: Colour
) -> None:
    picture = drawn(mode, ground, ours, theirs)
    if mode == "P":
        picture.putpalette([0, 0, 0, 255, 255, 207, 219, 0, 0])
    scribble = read(picture, tmp_path)
    np.testing.assert_array_equal(scribble.on_object, stroke(OURS))
    np.testing.assert_array_equal(scribble.on_background, stroke(THEIRS))


@pytest.mark.parametrize(
    ("mode", "ground", "ours"),
    [
        ("L", 0, 255), ("L", 255, 0), ("L", 0, 1), ("1", 0, 1), ("RGB", "white", "red"),
        ("RGB", "black", "magenta"), ("RGBA", (0, 0, 0, 0), "black"),
    ],
)  # fmt: skip
def test_the_only_colour_is_the_object(
    tmp_path: Path, mode: str, ground: Colour, ours: Colour
) -> None:
    scribble = read(drawn(mode, ground, ours), tmp_path)
    np.testing.assert_array_equal(scribble.on_object, stroke(OURS))
    assert not scribble.on_background.any()


@pytest.mark.parametrize(
    ("mode", "ground", "ours", "theirs"),
    [
        ("RGB", "black", "white", "red"),
        ("RGB", "white", "lime", "red"),
        ("RGB", "white", "green", "black"),
        ("RGBA", (0, 0, 0, 0), "lime", "red"),
    ],
)
@pytest.mark.parametrize("name", ["s.png", "s.jpg"])
def test_soft_edges_and_noise_are_no_colours_of_their_own(
    tmp_path: Path, mode: str, ground: Colour, ours: Colour, theirs: Colour, name: str
) -> None:
    if mode == "RGBA" and name == "s.jpg":
        pytest.skip("JPEG has no transparency")
    scribble = read(drawn(mode, ground, ours, theirs, smooth=True), tmp_path, name)
    assert overlap(scribble.on_object, stroke(OURS)) > 0.6
    assert overlap(scribble.on_background, stroke(THEIRS)) > 0.6


@pytest.mark.parametrize(
    ("ground", "ours", "theirs", "seen"),
    [
        ("black", "white", "lime", "white and green"),
        ("black", "red", "blue", "red and blue"),
        ("black", "white", "magenta", "white and violet"),
        ("white", "orange", "black", "black and orange"),
    ],
)
def test_colours_that_programs_do_not_agree_on_are_refused_by_name(
    tmp_path: Path, ground: str, ours: str, theirs: str, seen: str
) -> None:
    with pytest.raises(PromptError) as refused:
        read(drawn("RGB", ground, ours, theirs), tmp_path)
    assert set(seen.split()) <= set(str(refused.value).replace(",", "").replace(":", "").split())
    assert "s.png" in str(refused.value)


def test_three_colours_are_refused(tmp_path: Path) -> None:
    picture = drawn("RGB", "black", "white", "red")
    ImageDraw.Draw(picture).line([(90, 5), (110, 40)], fill="blue", width=5)
    with pytest.raises(PromptError, match=r"red, .* and |white, .* and |blue, .* and "):
        read(picture, tmp_path)


def test_a_photograph_is_refused(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*HW, 3), dtype=np.uint8)
    with pytest.raises(PromptError):
        read(Image.fromarray(noise), tmp_path)
    smooth = np.linspace(0, 255, WIDTH * HEIGHT * 3).reshape(*HW, 3).astype(np.uint8)
    with pytest.raises(PromptError):
        read(Image.fromarray(smooth), tmp_path)


@pytest.mark.parametrize("picture", [Image.new("L", (WIDTH, HEIGHT)), Image.new("RGBA", (120, 80))])
def test_a_picture_without_strokes_is_refused(tmp_path: Path, picture: Image.Image) -> None:
    with pytest.raises(PromptError, match="no strokes"):
        read(picture, tmp_path)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"s\.png is 60×80, but the image is 120×80"):
        read(drawn("L", 0, 255).crop((0, 0, 60, 80)), tmp_path)


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="there is no file"):
        read_scribble(tmp_path / "s.png", HW)
    (tmp_path / "s.png").write_bytes(b"hello")
    with pytest.raises(ImageError, match=r"s\.png"):
        read_scribble(tmp_path / "s.png", HW)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((255, 255, 255), "white"), ((255, 255, 207), "white"), ((0, 0, 0), "black"),
        ((40, 30, 35), "black"), ((128, 128, 128), "grey"), ((219, 0, 0), "red"),
        ((255, 0, 60), "red"), ((0, 128, 0), "green"), ((0, 255, 0), "green"),
        ((255, 255, 0), "yellow"), ((0, 0, 255), "blue"), ((255, 128, 0), "orange"),
    ],
)  # fmt: skip
def test_colours_have_their_names(rgb: tuple[int, int, int], name: str) -> None:
    assert colour_name(rgb) == name

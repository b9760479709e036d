"""The picture of docs/words.md: photographs that scikit-image carries, and what words find there.

python docs/words_pictures.py FOLDER copies them to FOLDER, runs the page's command on each and puts
the answers side by side. The photographs are in the public domain or CC0: the astronaut by NASA,
the cat by Stefan van der Walt, the coffee by Rachel Michetti, the rocket by SpaceX.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import skimage
from PIL import Image

PICTURE = Path(__file__).parent / "pictures" / "words.png"
HEIGHT, GAP = 240, 8
ASKED = {
    "astronaut.png": ("the astronaut", "flag"),
    "coffee.png": ("the cup", "spoon"),
    "chelsea.png": ("cat", "dog"),
    "rocket.jpg": ("rocket", "dog"),
}


def segment(folder: Path, name: str, texts: tuple[str, ...]) -> Image.Image:
    """The page's command on a photograph; what it found, drawn."""
    shutil.copy(Path(skimage.__file__).parent / "data" / name, folder / name)
    said = [word for text in texts for word in ("--text", text)]
    out = f"{Path(name).stem}-found.png"
    command = [sys.executable, "-m", "anymask", "segment", name, *said, "--out", out]
    subprocess.run(command, cwd=folder, check=True)
    return Image.open(folder / out).convert("RGB")


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Pictures of one height in a row."""
    widths = [round(one.width * HEIGHT / one.height) for one in pictures]
    row = Image.new("RGB", (sum(widths) + GAP * (len(widths) - 1), HEIGHT), "white")
    left = 0
    for one, width in zip(pictures, widths):
        row.paste(one.resize((width, HEIGHT), Image.Resampling.LANCZOS), (left, 0))
        left += width + GAP
    return row


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    found = [segment(place, name, texts) for name, texts in ASKED.items()]
    side_by_side(found).quantize(256).save(PICTURE, optimize=True)

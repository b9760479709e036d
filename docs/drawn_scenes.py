"""Drawn scenes for docs/in-context.md: houses among trees, and a film of a car.

python docs/drawn_scenes.py FOLDER writes ``scenes/0.png`` to ``5.png`` with ``tree.png``,
``house.png`` and ``classes.png``, masks of the first, and the frames of ``film/`` with ``car.png``,
the first's mask. With ``--pictures`` it also runs the page's commands there and makes its pictures.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

HEIGHT, WIDTH = 480, 640
SCENES, FRAMES = 6, 24
HORIZON = 330
TREE, HOUSE = 1, 2  # values of classes.png
PICTURES = Path(__file__).parent / "pictures"

Pixels = npt.NDArray[np.uint8]


def meadow(light: float) -> Pixels:
    """Sky over grass. light: 1 at noon, less in the evening."""
    sky = np.linspace((110, 170, 235), (215, 235, 250), HEIGHT)[:, None]
    scene = np.repeat(sky, WIDTH, axis=1)
    scene[HORIZON:] = np.linspace((120, 170, 90), (80, 130, 60), HEIGHT - HORIZON)[:, None]
    rng = np.random.default_rng(0)
    scene += rng.normal(0, 3, scene.shape)
    return np.clip(scene * light, 0, 255).astype(np.uint8)


def tree(scene: Pixels, x: int, foot: int, size: float, green: tuple[int, int, int]) -> Pixels:
    """Draw a tree; its (H, W) mask, 255 inside."""
    mask = np.zeros(scene.shape[:2], np.uint8)
    trunk = (x - round(9 * size), foot - round(120 * size)), (x + round(9 * size), foot)
    crown = [(0, -175, 62), (-45, -140, 46), (45, -140, 46), (0, -120, 52)]
    for picture, brown, leaves in ((scene, (104, 72, 48), green), (mask, 255, 255)):
        cv2.rectangle(picture, *trunk, brown, -1)
        for dx, dy, radius in crown:
            centre = x + round(dx * size), foot + round(dy * size)
            cv2.circle(picture, centre, round(radius * size), leaves, -1, cv2.LINE_AA)
    for dx, dy in ((-20, -190), (25, -170), (-40, -130), (40, -125), (5, -140)):
        centre = x + round(dx * size), foot + round(dy * size)
        darker = tuple(round(0.8 * value) for value in green)
        cv2.circle(scene, centre, round(14 * size), darker, -1, cv2.LINE_AA)
    return np.where(mask > 127, 255, 0).astype(np.uint8)


def house(scene: Pixels, x: int, foot: int, size: float, wall: tuple[int, ...]) -> Pixels:
    """Draw a house; its (H, W) mask, 255 inside."""
    mask = np.zeros(scene.shape[:2], np.uint8)
    left, right, top = x - round(90 * size), x + round(90 * size), foot - round(130 * size)
    eaves = round(18 * size)
    roof = np.array([[left - eaves, top], [x, top - round(85 * size)], [right + eaves, top]])
    for picture, plaster, tiles in ((scene, wall, (122, 54, 48)), (mask, 255, 255)):
        cv2.rectangle(picture, (left, top), (right, foot), plaster, -1)
        cv2.fillPoly(picture, [roof], tiles)
    door = (x - round(16 * size), foot - round(62 * size)), (x + round(16 * size), foot)
    cv2.rectangle(scene, *door, (84, 58, 44), -1)
    for side in (-1, 1):
        middle = x + side * round(52 * size), foot - round(85 * size)
        half = round(18 * size)
        corners = (middle[0] - half, middle[1] - half), (middle[0] + half, middle[1] + half)
        cv2.rectangle(scene, *corners, (190, 222, 240), -1)
    return mask


def car(scene: Pixels, x: int, foot: int, size: float) -> Pixels:
    """Draw a car; its (H, W) mask, 255 inside."""
    mask = np.zeros(scene.shape[:2], np.uint8)

    def at(dx: float, dy: float) -> tuple[int, int]:
        return x + round(dx * size), foot + round(dy * size)

    cabin = np.array([at(-45, -45), at(-25, -78), at(30, -78), at(55, -45)])
    for picture, red, black in ((scene, (190, 40, 40), (30, 30, 34)), (mask, 255, 255)):
        cv2.rectangle(picture, at(-85, -48), at(85, -14), red, -1)
        cv2.fillPoly(picture, [cabin], red)
        for dx in (-50, 50):
            cv2.circle(picture, at(dx, -14), round(17 * size), black, -1)
    window = np.array([at(-34, -48), at(-20, -70), at(24, -70), at(40, -48)])
    cv2.fillPoly(scene, [window], (200, 225, 240))
    return mask


def scenes() -> list[tuple[Pixels, Pixels]]:
    """Scenes and their classes: trees and houses of many sizes, in other light."""
    made = []
    rng = np.random.default_rng(3)
    for number in range(SCENES):
        scene = meadow(1 - 0.06 * number)
        classes = np.zeros((HEIGHT, WIDTH), np.uint8)
        places = (
            [(140, 400, 1.0)]
            if number == 0
            else [
                (
                    int(rng.integers(60, 580)),
                    int(rng.integers(370, 450)),
                    float(rng.uniform(0.6, 1.2)),
                )
                for _ in range(number % 3)
            ]
        )
        wall = tuple(int(value) for value in rng.integers(150, 225, 3))
        at = int(rng.integers(200, 480)) if number else 440
        classes[house(scene, at, int(rng.integers(370, 400)), 0.9, wall) > 0] = HOUSE
        for place in places:
            green = (int(rng.integers(40, 75)), int(rng.integers(100, 130)), 58)
            classes[tree(scene, *place, green) > 0] = TREE
        made.append((scene, classes))
    return made


def film() -> list[tuple[Pixels, Pixels]]:
    """A car that comes from the left, passes behind a tree and grows; frames and masks."""
    made = []
    for number in range(FRAMES):
        scene = meadow(1.0)
        house(scene, 450, 350, 0.6, (200, 190, 170))
        part = number / (FRAMES - 1)
        mask = car(scene, round(80 + 480 * part), round(390 + 40 * part), 0.8 + 0.5 * part)
        mask[tree(scene, 330, 455, 0.9, (52, 112, 58)) > 0] = 0
        made.append((scene, mask))
    return made


def write(folder: Path) -> None:
    """All files that the page's commands name."""
    for name in ("scenes", "film"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    drawn = scenes()
    for number, (scene, _) in enumerate(drawn):
        Image.fromarray(scene).save(folder / "scenes" / f"{number}.png")
    classes = drawn[0][1]
    Image.fromarray(classes).save(folder / "classes.png")
    for name, value in (("tree", TREE), ("house", HOUSE)):
        mask = np.where(classes == value, 255, 0).astype(np.uint8)
        Image.fromarray(mask).save(folder / f"{name}.png")
    frames = film()
    for number, (frame, _) in enumerate(frames):
        Image.fromarray(frame).save(folder / "film" / f"{number}.png")
    Image.fromarray(frames[0][1]).save(folder / "car.png")


def run(folder: Path, *words: str) -> None:
    """One of the page's commands."""
    subprocess.run([sys.executable, "-m", "anymask", *words], cwd=folder, check=True)


def side_by_side(pictures: list[Path], target: Path) -> None:
    """Pictures of one size in a row, half as large."""
    shown = [Image.open(path).convert("RGB") for path in pictures]
    width, height = shown[0].size[0] // 2, shown[0].size[1] // 2
    row = Image.new("RGB", ((width + 8) * len(shown) - 8, height), "white")
    for number, picture in enumerate(shown):
        row.paste(
            picture.resize((width, height), Image.Resampling.LANCZOS), (number * (width + 8), 0)
        )
    row.quantize(256).save(target, optimize=True)


def draw_pictures(folder: Path) -> None:
    """The page's pictures, by its own commands."""
    example = folder / "example.png"
    both = ["--like", "scenes/0.png:classes.png"]
    run(folder, "masks", "scenes", "--out", "both", "--format", "overlay", *both)
    found = [folder / "both" / f"{number}.jpg" for number in (1, 2, 3)]
    overlay(folder / "scenes" / "0.png", folder / "classes.png", example)
    side_by_side([example, *found], PICTURES / "in-context-classes.png")
    run(folder, "track", "film", "--out", "tracked", "--like", "1:car.png")
    video = cv2.VideoCapture(str(folder / "tracked" / "overlay.mp4"))
    frames = []
    while True:
        there, frame = video.read()
        if not there:
            break
        frames.append(frame)
    chosen = []
    for number in (0, 7, 11, 23):
        path = folder / f"tracked-{number}.png"
        cv2.imwrite(str(path), frames[number])
        chosen.append(path)
    side_by_side(chosen, PICTURES / "in-context-track.png")


def overlay(image: Path, mask: Path, target: Path) -> None:
    """An example as it is shown."""
    from anymask.core.drawing.film import draw_frame

    labels = np.asarray(Image.open(mask)).astype(np.int32)
    labels = np.where(labels == 255, 1, labels).astype(np.int32)
    Image.fromarray(draw_frame(np.asarray(Image.open(image).convert("RGB")), labels)).save(target)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    if "--pictures" in sys.argv:
        draw_pictures(Path(sys.argv[1]))

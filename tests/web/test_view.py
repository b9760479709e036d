"""The canvas of the annotation tool in a real Chromium: what is drawn where, gestures, frames."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route

DIST = Path(__file__).resolve().parents[2] / "web" / "dist"
SCRIPT = Path(__file__).with_name("view.js")
ADDRESS = "https://view.test"  # answered here, by no server
TIMEOUT_MS = 60_000
RGB = npt.NDArray[np.int64]


def answer(route: Route) -> None:
    route.fulfill(path=DIST / urlsplit(route.request.url).path.lstrip("/"))


@pytest.fixture
def view(browser: Browser) -> Iterator[Page]:
    """A stage of 1200×900 with the image on it."""
    if not (DIST / "test-view.html").is_file():
        pytest.fail("web/dist is not built: make web")
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(TIMEOUT_MS)
    page.route(f"{ADDRESS}/**", answer)
    page.goto(f"{ADDRESS}/test-view.html")
    page.wait_for_function("window.view !== undefined")
    page.add_script_tag(path=SCRIPT)
    page.evaluate("putPicture()")
    page.wait_for_function("window.asked.length > 0")
    yield page
    page.close()


def shown(page: Page) -> RGB:
    """The pixels of the screen, when all is drawn."""
    page.wait_for_function("stage.isWhole")
    page.evaluate("drawn()")
    return np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB"), np.int64)


def look_at(page: Page, scale: float, x: float, y: float) -> None:
    """The place of the image in the middle of the screen."""
    page.evaluate(
        "([scale, x, y]) => { const box = [x, y, x, y]; "
        "stage.camera = stage.camera.showing(box).scaled(scale); }",
        [scale, x, y],
    )


def put_square(page: Page, name: str, box: list[float], **more: Any) -> None:
    page.evaluate(
        "([id, box, more]) => stage.updateMask({ id, region: square(box), "
        "colour: '#0072b2', ...more })",
        [name, box, more],
    )


def near(pixel: RGB, colour: tuple[int, int, int], tolerance: int = 6) -> bool:
    return bool((np.abs(pixel - colour) <= tolerance).all())


# --- the picture


def test_the_whole_image_is_seen_at_first_from_few_tiles(view: Page) -> None:
    pixels = shown(view)
    assert near(pixels[450, 600], (255, 0, 0))
    assert near(pixels[450, 3], (216, 218, 222))  # beside the image
    assert near(pixels[30, 30], (64, 64, 64), 20)
    levels = {level for level, _, _ in view.evaluate("asked")}
    assert levels <= {1, 2}


def test_pixels_are_squares_close_up(view: Page) -> None:
    look_at(view, 32, 4, 4)
    pixels = shown(view)
    corner = view.evaluate("stage.camera.toScreen([0, 0])")
    for x, y in ((0, 0), (1, 0), (4, 3), (7, 7)):
        left, top = round(corner[0] + 32 * x), round(corner[1] + 32 * y)
        square = pixels[top + 1 : top + 31, left + 1 : left + 31]
        expected = 255 if (x + y) % 2 else 0
        assert (square == expected).all(), (x, y)


def test_brightness_and_contrast_change_the_image_and_not_the_masks(view: Page) -> None:
    put_square(view, "a", [1000, 1000, 1400, 1400])
    view.evaluate("stage.setLook({ ...view.PLAIN_LOOK, brightness: 0, opacity: 1 })")
    look_at(view, 1, 1200, 1200)
    pixels = shown(view)
    assert near(pixels[450, 600], (0, 114, 178))
    assert near(pixels[450, 900], (0, 0, 0))


# --- masks


def colour_over(below: RGB, opacity: float) -> tuple[int, int, int]:
    red, green, blue = ((1 - opacity) * below + opacity * np.array([0, 114, 178])).tolist()
    return round(red), round(green), round(blue)


@pytest.mark.parametrize("scale", [0.25, 0.6, 1, 3, 16])
def test_a_mask_is_drawn_on_its_pixels_at_every_zoom(view: Page, scale: float) -> None:
    look_at(view, scale, 1000, 800)
    bare = shown(view)
    half = 120 / scale
    box = [round(1000 - half), round(800 - half), round(1000 + half), round(800 + half)]
    put_square(view, "a", [float(side) for side in box])
    pixels = shown(view)
    left, top = view.evaluate(f"stage.camera.toScreen([{box[0]}, {box[1]}])")
    right, bottom = view.evaluate(f"stage.camera.toScreen([{box[2]}, {box[3]}])")
    changed = np.argwhere((pixels != bare).any(axis=2))
    assert np.abs(changed.min(axis=0) - [top, left]).max() <= 1.5
    assert np.abs(changed.max(axis=0) + 1 - [bottom, right]).max() <= 1.5
    middle = (round((top + bottom) / 2), round((left + right) / 2))
    assert near(pixels[middle], colour_over(bare[middle], 0.4))
    line = pixels[middle[0], round(left) : round(left) + 4]
    assert any(near(pixel, (0, 114, 178), 30) for pixel in line)


def test_only_outlines_or_no_masks_if_one_asks(view: Page) -> None:
    look_at(view, 1, 1000, 800)
    bare = shown(view)
    put_square(view, "a", [800, 600, 1200, 1000])
    view.evaluate("stage.setLook({ ...view.PLAIN_LOOK, outlineOnly: true })")
    pixels = shown(view)
    assert (pixels[300:600, 450:750] == bare[300:600, 450:750]).all()
    assert near(pixels[450, 401], (0, 114, 178))
    view.evaluate("stage.setLook({ ...view.PLAIN_LOOK, bare: true })")
    assert (shown(view) == bare).all()


def test_masks_change_hide_and_go(view: Page) -> None:
    look_at(view, 1, 1000, 800)
    bare = shown(view)
    put_square(view, "a", [900, 700, 1100, 900])
    assert (shown(view)[450, 600] != bare[450, 600]).any()
    put_square(view, "a", [900, 700, 990, 900])  # smaller
    assert (shown(view)[450, 600] == bare[450, 600]).all()
    put_square(view, "a", [900, 700, 1100, 900], hidden=True)
    assert (shown(view) == bare).all()
    put_square(view, "a", [900, 700, 1100, 900])
    view.evaluate("stage.removeMask('a')")
    assert (shown(view) == bare).all()


def test_a_mask_of_one_pixel_is_seen_in_the_whole_image(view: Page) -> None:
    bare = shown(view)
    put_square(view, "a", [1000, 800, 1001, 801])
    assert (shown(view) != bare).any()


def test_what_is_spoken_of_has_a_white_rim(view: Page) -> None:
    look_at(view, 1, 1000, 800)
    put_square(view, "a", [900, 700, 1100, 900])
    view.evaluate("stage.setHighlighted(['a'])")
    pixels = shown(view)
    assert near(pixels[450, 500], (255, 255, 255))
    assert near(pixels[450, 503], (0, 114, 178))
    view.evaluate("stage.setHighlighted([])")
    assert near(shown(view)[450, 500], (0, 114, 178))


def test_what_is_in_work_is_drawn_alone(view: Page) -> None:
    view.evaluate("putMasks(50)")
    shown(view)
    view.evaluate("window.settled = document.querySelector('[data-layer=masks]').toDataURL()")
    view.evaluate(
        """() => stage.setActive({
          mask: square([1900, 1400, 2100, 1600]), preview: null,
          points: [{ x: 2000, y: 1500 }, { x: 2300, y: 1500, label: 0 }],
          box: [1700, 1200, 2300, 1800], brush: { at: [2000, 1900], diameter: 60, erases: true },
        })"""
    )
    pixels = shown(view)
    x, y = view.evaluate("stage.camera.toScreen([2000, 1500])")
    assert near(pixels[round(y) - 5, round(x) - 4], (20, 128, 74))
    assert view.evaluate("document.querySelector('[data-layer=masks]').toDataURL() === settled")
    view.evaluate("stage.setActive({})")
    shown(view)
    assert view.evaluate(
        """() => {
          const canvas = document.querySelector("[data-layer=scene]");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return data.every((value) => value === 0);
        }"""
    )


def test_the_smallest_mask_under_a_place_is_meant(view: Page) -> None:
    put_square(view, "whole", [100, 100, 900, 900])
    put_square(view, "part", [300, 300, 500, 500])
    put_square(view, "hidden", [390, 390, 410, 410], hidden=True)
    under = "([x, y]) => stage.masksAt([x, y]).map((mask) => mask.id)"
    assert view.evaluate(under, [400.9, 400]) == ["part", "whole"]
    assert view.evaluate(under, [300, 300]) == ["part", "whole"]
    assert view.evaluate(under, [500, 300]) == ["whole"]
    assert view.evaluate(under, [99.9, 300]) == []


# --- gestures


def told(page: Page) -> list[list[Any]]:
    all_told: list[list[Any]] = page.evaluate("told.splice(0)")
    return all_told


def test_mouse_gestures_are_told_in_pixels_of_the_image(view: Page) -> None:
    look_at(view, 1, 1000, 800)
    view.evaluate("record()")
    view.mouse.click(600, 450)
    view.mouse.click(610, 450, button="right")
    assert told(view) == [
        ["hover", [1000, 800]],
        ["press", [1000, 800], "primary"],
        ["click", [1000, 800], "primary", 1],
        ["hover", [1010, 800]],
        ["press", [1010, 800], "secondary"],
        ["click", [1010, 800], "secondary", 1],
    ]
    view.mouse.move(600, 450)
    view.mouse.down()
    view.mouse.move(602, 450)  # trembles
    view.mouse.move(650, 480)
    view.mouse.up()
    names = [name for name, *_ in told(view)]
    assert names == ["hover", "press", "drag", "drop"]
    view.mouse.down(button="middle")
    view.mouse.move(660, 480)
    view.mouse.up(button="middle")
    assert told(view) == [["pan", 10, 0]]
    view.mouse.wheel(0, 120)
    view.wait_for_function("told.length")
    assert told(view) == [["wheel", [1060, 830], 0, 120]]


@pytest.fixture
def touch(view: Page) -> Callable[..., None]:
    """Put fingers at places of the screen."""
    client = view.context.new_cdp_session(view)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return touch


def test_two_fingers_move_and_zoom_and_take_back_what_one_began(
    view: Page, touch: Callable[..., None]
) -> None:
    view.evaluate("record()")
    touch("touchStart", (400, 400))
    touch("touchStart", (400, 400), (600, 400))
    touch("touchMove", (400, 400), (800, 400))
    touch("touchEnd")
    gestures = told(view)
    assert [name for name, *_ in gestures] == ["press", "cancel", "pan", "zoom"]
    assert gestures[2][1:] == [100, 0]
    assert gestures[3][1] == pytest.approx(2)


def test_a_finger_taps_or_rests_for_the_other_button(
    view: Page, touch: Callable[..., None]
) -> None:
    look_at(view, 1, 1000, 800)
    view.evaluate("record()")
    touch("touchStart", (600, 450))
    touch("touchEnd")
    assert told(view)[1:] == [["click", [1000, 800], "primary", 1]]
    touch("touchStart", (600, 450))
    view.wait_for_function("told.length === 2")
    touch("touchEnd")
    assert told(view)[1:] == [["click", [1000, 800], "secondary", 1]]


# --- time


@pytest.mark.parametrize("scale", [0.3, 1.0])
@pytest.mark.parametrize("move", ["pan", "zoom"])
def test_frames_while_500_masks_move(view: Page, move: str, scale: float) -> None:
    view.evaluate("putMasks(500)")
    look_at(view, scale, 2000, 1500)
    shown(view)
    times = view.evaluate("timeFrames", move)
    for name in ("frames", "draws"):
        p95 = statistics.quantiles(times[name], n=20)[-1]
        print(f"{move} at {scale}: {name} {statistics.median(times[name]):.1f} ms, p95 {p95:.1f}")
    assert len(times["frames"]) == 150

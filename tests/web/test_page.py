"""The page of `anymask web` in a real Chromium: every way in, every answer, every way out."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image
from playwright.sync_api import Browser, Download, FilePayload, Locator, Page, expect
from pycocotools.coco import COCO

from anymask.core import rle
from anymask.core.regions.small_regions import clean
from anymask.engine.sample import SamplePicture

Exporter = Callable[[str, str], Path]
Served = Callable[..., str]
RGB = npt.NDArray[np.uint8]
TIMEOUT_MS = 60_000
WIDTH, HEIGHT = 300, 200
READY = re.compile("^ready")


def drawing(shade: int = 40) -> RGB:
    """A bright square on a dark ground, so that masks have something to hold on to."""
    pixels = np.full((HEIGHT, WIDTH, 3), shade, np.uint8)
    pixels[60:140, 100:190] = (220, 120, 60)
    return pixels


def png(pixels: npt.NDArray[Any]) -> bytes:
    content = BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


SAMPLE = SamplePicture("drawn one.png", png(drawing()))


@pytest.fixture(scope="module")
def address(served: Served, exported: Exporter) -> str:
    """The page with a tiny model and a drawn sample."""
    return served(exported("tiny", "float32"), SAMPLE)


@pytest.fixture
def ready(address: str, page: Page) -> Page:
    """The page when its sample can be asked about."""
    page.goto(address)
    expect_ready(page)
    return page


def expect_ready(page: Page) -> None:
    expect(page.get_by_role("status")).to_have_text(READY, timeout=TIMEOUT_MS)


def choices(page: Page) -> Locator:
    return page.locator("#choices button")


def click(page: Page, x: float, y: float, **options: Any) -> None:
    """Click at a pixel of the picture."""
    scale = scale_of(page)
    page.locator("#overlay").click(position={"x": x * scale, "y": y * scale}, **options)


def scale_of(page: Page) -> float:
    box = page.locator("#overlay").bounding_box()
    assert box is not None
    return box["width"] / float(page.locator("#picture").get_attribute("width") or 0)


def drag(page: Page, x0: float, y0: float, x1: float, y1: float) -> None:
    box = page.locator("#overlay").bounding_box()
    assert box is not None
    scale = scale_of(page)
    page.mouse.move(box["x"] + x0 * scale, box["y"] + y0 * scale)
    page.mouse.down()
    page.mouse.move(box["x"] + x1 * scale, box["y"] + y1 * scale, steps=4)
    page.mouse.up()


def shown(page: Page) -> RGB:
    """The pixels of the picture on the page, RGBA."""
    url = page.evaluate("document.getElementById('picture').toDataURL()")
    content = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(BytesIO(content)))


def saved(page: Page, button: str) -> Download:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return download.value


# --- a sample, and the masks of it


def test_a_sample_is_there_at_once_under_its_name(ready: Page) -> None:
    expect(ready.locator("#caption")).to_have_text("drawn one.png, 300×200 (a sample)")
    assert (shown(ready)[..., :3] == drawing()).all()
    expect(ready.get_by_role("alert")).to_have_count(0)


def test_the_model_is_said_to_load_and_the_picture_to_be_looked_at(
    address: str, page: Page
) -> None:
    page.add_init_script(
        """window.said = [];
        new MutationObserver(() => {
          const text = document.getElementById("status")?.textContent;
          if (text && text !== said.at(-1)) said.push(text);
        }).observe(document, { subtree: true, childList: true, characterData: true });"""
    )
    page.goto(address)
    expect_ready(page)
    said = page.evaluate("said")
    assert any(re.fullmatch(r"loading the model \(\d+ of \d+ MB\)…", text) for text in said), said
    assert said.index("looking at the picture…") < said.index(said[-1])


def test_a_click_gives_whole_part_and_subpart(ready: Page) -> None:
    click(ready, 145, 100)
    expect(choices(ready)).to_have_count(3)
    for number, name in enumerate(("whole", "part", "subpart")):
        expect(choices(ready).nth(number)).to_have_text(
            re.compile(rf"^{number + 1}\s+{name}\s+-?\d\.\d\d$")
        )
    for key in "123":
        ready.keyboard.press(key)
        pressed = [button.get_attribute("aria-pressed") for button in choices(ready).all()]
        assert pressed == ["true" if number == key else "false" for number in "123"]


def test_points_go_back_step_by_step_and_anew(ready: Page) -> None:
    click(ready, 145, 100)
    expect(choices(ready)).to_have_count(3)
    click(ready, 20, 20, button="right")
    expect(choices(ready)).to_have_count(1)
    click(ready, 30, 20, modifiers=["Shift"])
    ready.keyboard.press("Control+z")
    ready.keyboard.press("Control+z")
    expect(choices(ready)).to_have_count(3)
    ready.get_by_role("button", name="Undo").click()
    expect(choices(ready)).to_have_count(0)
    drag(ready, 90, 50, 200, 150)
    expect(choices(ready)).to_have_count(1)
    ready.keyboard.press("Escape")
    expect(choices(ready)).to_have_count(0)
    expect(ready.get_by_role("button", name="Anew")).to_be_disabled()
    expect(ready.get_by_role("button", name="Mask", exact=True)).to_be_disabled()


@pytest.mark.parametrize(
    "options", [{"button": "right"}, {"modifiers": ["Shift"]}, {"modifiers": ["Alt"]}]
)
def test_what_is_clicked_away_is_one_point_of_the_background(
    ready: Page, options: dict[str, Any]
) -> None:
    click(ready, 145, 100, **options)
    expect(choices(ready)).to_have_count(1)  # one object point alone would have three answers


def test_keys_alone_are_enough(ready: Page) -> None:
    ready.locator("#overlay").focus()
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowDown", "Enter"):
        ready.keyboard.press(key)
    expect(choices(ready)).to_have_count(3)
    ready.keyboard.press("ArrowRight")
    ready.keyboard.press("Shift+Enter")
    expect(choices(ready)).to_have_count(1)


def test_fingers_are_enough(browser: Browser, address: str) -> None:
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(address)
    expect_ready(page)
    page.locator("#overlay").tap(position={"x": 150, "y": 100})
    expect(choices(page)).to_have_count(3)
    page.get_by_role("button", name="Clicks add").tap()
    page.locator("#overlay").tap(position={"x": 20, "y": 20})
    expect(choices(page)).to_have_count(1)
    wide = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert wide <= 390


# --- saving


def test_what_is_saved_is_one_mask_three_times(ready: Page, tmp_path: Path) -> None:
    click(ready, 145, 100)
    expect(choices(ready)).to_have_count(3)
    ready.keyboard.press("1")
    assert ready.get_by_label("Clean").is_checked()
    for button, name in (
        ("Mask", "drawn one-mask.png"),
        ("Cut-out", "drawn one-cutout.png"),
        ("COCO", "drawn one.coco.json"),
    ):
        download = saved(ready, button)
        assert download.suggested_filename == name
        download.save_as(tmp_path / button)
    picture = Image.open(tmp_path / "Mask")
    assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (WIDTH, HEIGHT))
    values = np.asarray(picture)
    assert set(np.unique(values)) == {0, 255}
    mask = values > 0
    cutout = np.asarray(Image.open(tmp_path / "Cut-out"))
    assert cutout.shape == (HEIGHT, WIDTH, 4)
    assert (cutout[..., 3] == values).all()
    assert (cutout[mask][:, :3] == drawing()[mask]).all()
    coco = COCO(str(tmp_path / "COCO"))
    (image,), (annotation,) = coco.dataset["images"], coco.dataset["annotations"]
    assert (image["file_name"], image["width"], image["height"]) == ("drawn one.png", 300, 200)
    assert (annotation["id"], annotation["iscrowd"], annotation["area"]) == (1, 0, mask.sum())
    assert (coco.annToMask(annotation) == mask).all()
    assert annotation["bbox"] == box_of(mask)


def test_one_switch_says_whether_masks_are_clean_as_shown_and_as_saved(
    ready: Page, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, drawing().shape, dtype=np.uint8)
    choose(ready, "noise.png", png(noise))
    expect(ready.locator("#caption")).to_contain_text("noise.png")
    expect_ready(ready)
    click(ready, 145, 100)
    expect(choices(ready)).to_have_count(3)
    ready.keyboard.press("1")
    masks, pictures = [], []
    for is_clean in (True, False):
        ready.get_by_label("Clean").set_checked(is_clean)
        saved(ready, "Mask").save_as(tmp_path / "mask.png")
        masks.append(np.asarray(Image.open(tmp_path / "mask.png")) > 0)
        pictures.append(ready.locator("#overlay").screenshot())
    np.testing.assert_array_equal(masks[0], clean(masks[1]))
    assert (masks[0] != masks[1]).any()
    assert pictures[0] != pictures[1]


def test_masks_of_odd_shapes_are_saved_as_pycocotools_has_them(ready: Page, tmp_path: Path) -> None:
    """A box of everything, and of a corner: runs at the beginning and the end."""
    for number, corners in enumerate(((0, 0, 300, 200), (1, 1, 60, 40), (200, 120, 300, 200))):
        ready.keyboard.press("Escape")
        drag(ready, *corners)
        expect(choices(ready)).to_have_count(1)
        saved(ready, "Mask").save_as(tmp_path / f"{number}.png")
        saved(ready, "COCO").save_as(tmp_path / f"{number}.json")
        mask = np.asarray(Image.open(tmp_path / f"{number}.png")) > 0
        written = json.loads((tmp_path / f"{number}.json").read_text())["annotations"][0]
        assert written["segmentation"] == rle.encode(mask)
        assert written["bbox"] == box_of(mask)


def box_of(mask: npt.NDArray[np.bool_]) -> list[int]:
    ys, xs = np.nonzero(mask)
    left, top = int(xs.min()), int(ys.min())
    return [left, top, int(xs.max()) + 1 - left, int(ys.max()) + 1 - top]


# --- pictures of one's own

DROP = """
async ({ files, type }) => {
  const data = new DataTransfer();
  for (const { name, content } of files) {
    data.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
  }
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true }));
  }
}
"""


def drop(page: Page, **files: bytes) -> None:
    """Drop files, whose names have an underscore for the dot."""
    given = [
        {"name": name.replace("_", "."), "content": base64.b64encode(content).decode()}
        for name, content in files.items()
    ]
    page.evaluate(DROP, {"files": given})


def choose(page: Page, name: str, content: bytes) -> None:
    file = FilePayload(name=name, mimeType="", buffer=content)
    page.locator("#file").set_input_files(file)


def test_a_picture_is_chosen_dropped_or_pasted(browser: Browser, address: str) -> None:
    context = browser.new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address)
    expect_ready(page)
    caption = page.locator("#caption")
    choose(page, "chosen.png", png(drawing(50)))
    expect(caption).to_have_text("chosen.png, 300×200")
    assert (shown(page)[..., :3] == drawing(50)).all()
    click(page, 145, 100)  # without waiting
    expect(choices(page)).to_have_count(3)
    drop(page, dropped_png=png(drawing(60)))
    expect(caption).to_have_text("dropped.png, 300×200")
    expect(choices(page)).to_have_count(0)
    drop(page, a_png=png(drawing(70)), b_png=png(drawing(80)))
    expect(caption).to_have_text("a.png, 300×200 (the first of 2 files; one picture at a time)")
    page.evaluate(
        """async (content) => {
          const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
          const item = new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) });
          await navigator.clipboard.write([item]);
        }""",
        base64.b64encode(png(drawing(90))).decode(),
    )
    page.keyboard.press("Control+v")
    expect(caption).to_have_text("image.png, 300×200")
    assert (shown(page)[..., :3] == drawing(90)).all()
    context.close()


def test_the_error_of_a_picture_stays_until_the_next(ready: Page) -> None:
    alert = ready.get_by_role("alert")
    choose(ready, "broken.jpg", b"\xff\xd8\xff\xe0 no picture")
    expect(alert).to_have_text(re.compile("^broken.jpg .*"))
    expect(ready.locator("#caption")).to_contain_text("drawn one.png")  # which can still be asked
    click(ready, 145, 100)
    expect(choices(ready)).to_have_count(3)
    expect(alert).to_have_text(re.compile("^broken.jpg .*"))
    choose(ready, "notes.txt", b"hello")
    expect(alert).to_have_text("notes.txt is not an image of a known format")
    expect(ready.get_by_label("Bands")).to_be_hidden()  # no option makes it one
    expect(ready.get_by_role("status")).to_have_text("ready: click what you want in drawn one.png")
    choose(ready, "nothing.png", b"")
    expect(alert).to_have_text("nothing.png is empty")
    choose(ready, "good.png", png(drawing(50)))
    expect(ready.locator("#caption")).to_have_text("good.png, 300×200")
    expect(alert).to_have_count(0)


def test_a_bad_picture_does_not_stop_the_sample(address: str, page: Page) -> None:
    page.goto(address)
    expect(page.locator("#caption")).to_contain_text("drawn one.png")
    choose(page, "notes.txt", b"hello")
    expect(page.get_by_role("alert")).to_contain_text("notes.txt")
    expect_ready(page)
    click(page, 145, 100)
    expect(choices(page)).to_have_count(3)


def tiff(pixels: npt.NDArray[Any]) -> bytes:
    content = BytesIO()
    tifffile.imwrite(content, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    return content.getvalue()


def test_pictures_that_browsers_read_otherwise_are_those_of_python(ready: Page) -> None:
    grey = drawing()[..., 0]
    twelve_bits = (grey.astype(np.uint16) * 16).astype(np.uint16)
    twelve_bits[0, 0] = 4095
    for name, content in (("a.tif", tiff(drawing())), ("b.png", png(twelve_bits))):
        choose(ready, name, content)
        expect(ready.locator("#caption")).to_have_text(f"{name}, 300×200")
        pixels = shown(ready)[..., 0].astype(int)
        assert np.abs(pixels - grey)[1:].max() <= 1, name
    expect_ready(ready)
    click(ready, 145, 100)
    expect(choices(ready)).to_have_count(3)


def test_of_several_pages_and_bands_one_is_asked_for(ready: Page) -> None:
    first, second = drawing(50), drawing(60)
    bands = np.stack(
        [second[..., 2], second[..., 1], second[..., 0], second[..., 0], first[..., 0]]
    )
    content = BytesIO()
    with tifffile.TiffWriter(content) as writer:
        for pages in (np.stack([first[..., 0]] * 5), bands):
            writer.write(pages, photometric="minisblack", planarconfig="separate")
    choose(ready, "field.tif", content.getvalue())
    expect(ready.get_by_role("alert")).to_contain_text("field.tif has 2 pages")
    ready.get_by_label("Page").fill("2")
    ready.get_by_label("Bands").fill("3,2,1")
    ready.keyboard.press("Enter")
    expect(ready.locator("#caption")).to_have_text("field.tif, 300×200")
    expect(ready.get_by_role("alert")).to_have_count(0)
    assert (shown(ready)[..., :3] == second).all()
    choose(ready, "plain.png", png(first))
    expect(ready.locator("#caption")).to_have_text("plain.png, 300×200")
    expect(ready.get_by_label("Bands")).to_be_hidden()
    expect(ready.get_by_label("Bands")).to_have_value("")


# --- what is wrong with a model


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rename(path: Path) -> None:
    header = json.loads(path.read_text())
    path.write_text(json.dumps(header | {"anymask_export": 99}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: flip(folder / "encoder.onnx"), r"encoder\.onnx.*sha256"),
        (lambda folder: (folder / "decoder.safetensors").unlink(), r"decoder\.safetensors"),
        (lambda folder: rename(folder / "export.json"), "newer|export again"),
        (lambda folder: (folder / "export.json").unlink(), r"export\.json"),
        (lambda folder: (folder / "export.json").write_text("{"), r"export\.json"),
    ],
)
def test_what_is_wrong_with_a_model_is_seen(
    served: Served,
    exported: Exporter,
    page: Page,
    tmp_path: Path,
    spoil: Callable[[Path], object],
    message: str,
) -> None:
    folder = shutil.copytree(exported("tiny", "float32"), tmp_path / "model")
    spoil(folder)
    page.goto(served(folder, SAMPLE))
    expect(page.get_by_role("alert")).to_contain_text(re.compile(message), timeout=TIMEOUT_MS)
    expect(page.get_by_role("status")).to_have_text("")

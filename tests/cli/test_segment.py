"""``anymask segment`` as a person runs it: files in, files out, errors in a line."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.weights.checkpoint import Checkpoint

ANYMASK = [sys.executable, "-c", "from anymask.cli.main import main; main()"]


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder."""
    command = [*ANYMASK, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Checkpoint) -> Path:
    """A folder with an image ``i.png`` of 90×60 pixels and weights ``w``."""
    tiny_checkpoint.save(tmp_path / "w")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "i.png")
    return tmp_path


def segment(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """``anymask segment i.png`` with the tiny weights."""
    return run("segment", "i.png", "--weights", "w", *arguments, cwd=folder)


def left_over(folder: Path) -> set[str]:
    """What a command left in the folder."""
    return {path.name for path in folder.iterdir()} - {"i.png", "w"}


def test_a_click_gives_a_picture_of_three_masks_side_by_side(folder: Path) -> None:
    done = segment(folder, "--point", "45,30")
    assert (done.returncode, done.stdout.strip()) == (0, "i_mask.png"), done.stderr
    assert left_over(folder) == {"i_mask.png"}
    width, height = Image.open(folder / "i_mask.png").size
    assert (width - 24, height) == (3 * 90, 60)


def test_a_file_that_nobody_named_replaces_none(folder: Path) -> None:
    (folder / "i_mask.png").write_text("mine")
    for name in ("i_mask_2.png", "i_mask_3.png"):
        done = segment(folder, "--box", "5,5,60,50")
        assert (done.returncode, done.stdout.strip()) == (0, name), done.stderr
    assert (folder / "i_mask.png").read_text() == "mine"
    assert left_over(folder) == {"i_mask.png", "i_mask_2.png", "i_mask_3.png"}


def test_the_folder_of_a_file_is_made_and_a_file_that_is_named_is_replaced(folder: Path) -> None:
    for _ in range(2):
        done = segment(folder, "--box", "5,5,60,50", "--out", "no/such/o.coco.json")
        assert done.returncode == 0, done.stderr
    content = json.loads((folder / "no/such/o.coco.json").read_text())
    assert content["images"][0]["id"] == content["annotations"][0]["image_id"] == 1


def test_a_box_gives_a_picture_of_one_mask(folder: Path) -> None:
    done = segment(folder, "--box", "5,5,60,50", "--out", "o.png")
    assert done.returncode == 0, done.stderr
    assert Image.open(folder / "o.png").size == (90, 60)


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        (["--point", "45,30"], (1, 1)),
        (["--point", "45,30", "--point", "9,9,0", "--all-masks"], (1, 3)),
        (["--box", "0,0,40,40", "--box", "20,20,80,55"], (2, 1)),
        (["--box", "0,0,40,40", "--point", "20,20"], (1, 1)),
    ],
)
def test_arrays_have_a_row_for_each_object(
    folder: Path, arguments: list[str], shape: tuple[int, int]
) -> None:
    done = segment(folder, *arguments, "--out", "o.npz")
    assert done.returncode == 0, done.stderr
    arrays = np.load(folder / "o.npz")
    assert arrays["masks"].shape == (*shape, 60, 90)
    assert arrays["masks"].dtype == bool
    assert arrays["predicted_iou"].shape == shape


def test_the_record_on_standard_output_is_the_record_in_the_file(folder: Path) -> None:
    arguments = ("--point", "45,30", "--point", "3,4,0", "--all-masks")
    printed = segment(folder, *arguments, "--json")
    written = segment(folder, *arguments, "--out", "o.json")
    assert printed.returncode == written.returncode == 0, printed.stderr + written.stderr
    record = json.loads(printed.stdout)
    assert record == json.loads((folder / "o.json").read_text())
    assert record["image"] == {"image_id": 0, "file_name": "i.png", "width": 90, "height": 60}
    assert len(record["annotations"]) == 3
    first = record["annotations"][0]
    assert first["point_coords"] == [[45.0, 30.0], [3.0, 4.0]]
    mask = rle.decode(first["segmentation"])
    assert mask.shape == (60, 90)
    assert first["area"] == mask.sum()
    assert left_over(folder) == {"o.json"}


def test_a_mask_picture_is_black_and_white_and_labels_are_numbers(folder: Path) -> None:
    two = ("--box", "5,5,60,50", "--box", "0,0,9,9")
    assert segment(folder, *two, "--picture", "mask", "--out", "m.png").returncode == 0
    assert segment(folder, *two, "--picture", "labels", "--out", "l.png").returncode == 0
    assert segment(folder, *two, "--out", "o.npz").returncode == 0
    union = np.load(folder / "o.npz")["masks"].any(axis=(0, 1))
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "m.png")), union * np.uint8(255))
    labels = np.asarray(Image.open(folder / "l.png"))
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels > 0, union)
    assert labels.max() <= 2


def test_a_cutout_is_transparent_where_no_mask_is(folder: Path) -> None:
    box = ("--box", "5,5,60,50")
    assert segment(folder, *box, "--picture", "cutout", "--out", "c.png").returncode == 0
    assert segment(folder, *box, "--out", "o.npz").returncode == 0
    alpha = np.asarray(Image.open(folder / "c.png"))[..., 3] > 0
    np.testing.assert_array_equal(alpha, np.load(folder / "o.npz")["masks"][0, 0])


def test_a_rough_mask_is_a_prompt(folder: Path) -> None:
    rough = np.zeros((60, 90), np.uint8)
    rough[10:40, 20:60] = 255
    Image.fromarray(rough).save(folder / "rough.png")
    done = segment(folder, "--mask", "rough.png", "--out", "o.npz")
    assert done.returncode == 0, done.stderr
    Image.fromarray(rough[:30]).save(folder / "rough.png")
    done = segment(folder, "--mask", "rough.png", "--out", "o.npz")
    assert done.returncode == 1
    assert "90×30" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "--point, --box, --mask, --scribble, --like, --text or --prompts"),
        (["--point", "45"], 2, "120,80"),
        (["--point", "a,b"], 2, "120,80"),
        (["--point", "1,2,3"], 2, "120,80"),
        (["--box", "1,2,3"], 2, "10,20,200,180"),
        (["--point", "1,1", "--box", "0,0,9,9", "--box", "1,1,9,9"], 2, "several"),
        (["--point", "1,1", "--out", "o.bmp"], 2, ".npz"),
        (["--point", "900,30"], 1, "90×60"),
        (["--point", "nan,30"], 1, "not finite"),
        (["--box", "50,50,10,10"], 1, "X0 < X1"),
        (["--point", "1,1", "--mask", "missing.png"], 1, "missing.png"),
        (["--point", "1,1", "--device", "gpu"], 1, "cuda"),
        (["--point", "1,1", "--dtype", "float8"], 1, "bfloat16"),
        (["--point", "1,1", "--weights", "mobil-sam"], 1, "mobile-sam"),
        (["--point", "1,1", "--weights", "missing.pth"], 1, "missing.pth"),
        (["--point", "1,1", "--wat"], 2, "--wat"),
    ],
)
def test_misuse_is_explained_in_a_line_and_leaves_nothing(
    folder: Path, arguments: list[str], code: int, message: str
) -> None:
    done = segment(folder, *arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert left_over(folder) == set()
    if code == 1:
        assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_image_is_named(folder: Path, content: bytes) -> None:
    (folder / "i.png").write_bytes(content)
    done = segment(folder, "--point", "1,1")
    assert done.returncode == 1
    assert "i.png" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["o.json", "o.npz", "o.png"])
def test_a_disk_that_is_full_is_named_and_nothing_half_written_stays(
    folder: Path, name: str
) -> None:
    def no_file_over_64_bytes() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    done = subprocess.run(
        [*ANYMASK, "segment", "i.png", "--weights", "w", "--point", "1,1", "--out", name],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        preexec_fn=no_file_over_64_bytes,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"{name} can't be written: File too large" in done.stderr
    assert left_over(folder) == set()


@pytest.mark.weights
@pytest.mark.data
def test_the_truck_is_segmented_as_its_description_says(
    tmp_path: Path, data_folder: Path, mobile_sam: object
) -> None:
    truck = data_folder / "photos" / "truck.jpg"
    done = run("segment", truck, "--point", "500,375", "--all-masks", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    scores = [mask["predicted_iou"] for mask in json.loads(done.stdout)["annotations"]]
    np.testing.assert_allclose(scores, [0.6742, 0.5882, 0.1955], atol=2e-3)

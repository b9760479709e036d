"""``anymask dataset blur`` and ``release``: what comes out, and what a kill leaves."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from typer.testing import CliRunner, Result

from anymask.cli.main import app
from anymask.core import rle
from anymask.datasets.listing import list_files
from anymask.datasets.recognise import open_dataset
from anymask.datasets.release.manifest import MANIFEST, read_manifest
from anymask.datasets.sample import Sample
from anymask.errors import Error, OutputError

runner = CliRunner()
ORIENTATION, GPS, MAKER = 0x0112, 0x8825, 0x010F
ROOT = Path(__file__).resolve().parents[2]
# A face is what is red; found only at the size at which the image is.
DETECTORS = """
import os, time
import numpy as np
def red(pixels):
    time.sleep(float(os.environ.get("PACE_S", "0")))
    bright = pixels.astype(int)
    rows, columns = np.nonzero((bright[:, :, 0] > 180) & (bright[:, :, 1] < 90))
    if not len(rows):
        return [], []
    return [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], [0.9]
"""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector of our own where commands are given."""
    (tmp_path / "own_red.py").write_text(DETECTORS)
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("own_red", None)


def run(*arguments: object) -> Result:
    """Run a command of datasets without a terminal."""
    return runner.invoke(app, ["dataset", *map(str, arguments)])


def photograph(path: Path, red: bool = True) -> Path:
    """A photograph of 60 × 40 with a box of red stripes; EXIF has a place, and which side is up."""
    pixels = np.full((40, 60, 3), 120, np.uint8)
    pixels[:, ::2] = 60
    if red:
        pixels[10:20, 30:46] = (250, 20, 20)
        pixels[10:20, 32:46:4] = pixels[10:20, 33:46:4] = (20, 20, 250)  # stripes, mixed by a blur
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = 6, "a camera"
    exif.get_ifd(GPS)[2] = (52.0, 31.0, 12.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif, quality=95, subsampling=0)
    return path


def files_of(folder: Path) -> dict[str, str]:
    """The sha256 of every file that is no secret of the folder's."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not str(path.relative_to(folder)).startswith(".")
    }


# --- blur


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Three photographs, one in a folder of its own and one without a face; and no image."""
    folder = tmp_path / "in"
    photograph(folder / "a.jpg")
    photograph(folder / "deep" / "b.png")
    photograph(folder / "c.jpg", red=False)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    return folder


BLUR = ("--faces", "own_red:red", "--plates", "none")


def test_blurred_images_lie_as_they_lay(photographs: Path, tmp_path: Path) -> None:
    before, out = files_of(photographs), tmp_path / "out"
    done = run("blur", photographs, out, *BLUR, "--json")
    assert done.exit_code == 1  # one of them is broken
    assert "not written: broken.jpg" in done.stderr
    counts = json.loads(done.stdout)
    assert (counts["images"], counts["faces"], counts["broken"]) == (3, 2, 1)
    assert set(files_of(out)) == {"a.jpg", "deep/b.png", "c.jpg", "boxes.json"}
    assert files_of(photographs) == before
    with Image.open(out / "a.jpg") as image:
        assert image.size == (40, 60)  # upright
        assert not image.getexif()
        pixels = np.asarray(image)
    assert not ((pixels[:, :, 0] > 180) & (pixels[:, :, 1] < 60)).any()  # nothing red is left


def test_the_report_has_boxes_of_the_upright_image(photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("blur", photographs, out, *BLUR)
    report = json.loads((out / "boxes.json").read_text())
    by_name = {entry["name"]: entry for entry in report["images"]}
    assert report["settings"]["detectors"] == {"faces": "own_red:red", "plates": "none"}
    assert set(by_name) == {"a.jpg", "deep/b.png", "c.jpg"}
    assert by_name["c.jpg"]["faces"] == []
    (face,) = by_name["a.jpg"]["faces"]
    # x 30 to 46, y 10 to 20 as stored; turned to the right, 40 - y and x.
    assert np.abs(np.array(face["bbox"]) - [20, 30, 10, 15]).max() <= 2
    assert (by_name["a.jpg"]["width"], by_name["a.jpg"]["height"]) == (40, 60)


def test_a_second_run_does_nothing_and_one_of_other_settings_is_refused(
    photographs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run("blur", photographs, out, *BLUR)
    first, stamp = files_of(out), (out / "a.jpg").stat().st_mtime_ns
    again = run("blur", photographs, out, *BLUR, "--json")
    assert json.loads(again.stdout)["faces"] == 2
    assert files_of(out) == first
    assert (out / "a.jpg").stat().st_mtime_ns == stamp
    other = run("blur", photographs, out, *BLUR, "--thorough")
    assert isinstance(other.exception, Error)
    assert "other settings" in str(other.exception)


def test_the_input_is_never_written_to(photographs: Path, tmp_path: Path) -> None:
    before = files_of(photographs)
    for out in (photographs, photographs / "out"):
        refused = run("blur", photographs, out, *BLUR)
        assert isinstance(refused.exception, OutputError)
    glob = run("blur", f"{tmp_path}/i*/*.jpg", tmp_path, *BLUR)
    assert glob.exit_code != 0
    other = tmp_path / "other"
    photograph(other / "a.jpg")
    taken = run("blur", photographs, other, *BLUR)
    assert isinstance(taken.exception, OutputError)
    assert "a.jpg is there already" in str(taken.exception)
    assert files_of(photographs) == before


# --- release


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """A COCO file of seven photographs with two masks each, stored upright, one file missing."""
    folder = tmp_path / "data"
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(7):
        name = f"photo_{number}.jpg"
        photograph(folder / "images" / name, red=number % 2 == 0)
        images.append({"id": number, "file_name": name, "height": 60, "width": 40, "license": 4})
        masks = np.zeros((2, 60, 40), bool)
        masks[0, 5:25, 4:20] = masks[1, 40, 30] = True  # one that vanishes, as well
        annotations += [
            {
                "id": 2 * number + i + 1,
                "image_id": number,
                "category_id": 1,
                "segmentation": rle.encode(mask),
                "area": int(mask.sum()),
                "bbox": rle.bbox_xywh(rle.encode(mask)),
                "iscrowd": 0,
            }
            for i, mask in enumerate(masks)
        ]
    (folder / "images" / "photo_3.jpg").unlink()
    licence = {"id": 4, "name": "Attribution License", "url": "http://a.b/by/2.0/"}
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "thing"}],
        "licenses": [licence],
    }
    (folder / "instances.json").write_text(json.dumps(content))
    return folder


RELEASE = ("--short-side", "20", "--shard-size", "2", *BLUR)


def members_of(shard: Path) -> dict[str, bytes]:
    """The files in a tar."""
    with tarfile.open(shard) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def test_a_release_is_what_sa1b_is(coco: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("release", coco, out, *RELEASE, "--licence", "CC BY 4.0", "--json")
    assert done.exit_code == 0, done.stderr
    counts = json.loads(done.stdout)
    assert (counts["images"], counts["masks"], counts["vanished"]) == (6, 6, 6)
    assert counts["unread"] == 1
    assert "photo_3.jpg" in done.stderr
    shards = sorted(path.name for path in out.glob("*.tar"))
    assert shards == ["sa_000000.tar", "sa_000001.tar", "sa_000002.tar"]
    members = {name: content for path in shards for name, content in members_of(out / path).items()}
    assert list(members) == [f"sa_{n}.{ending}" for n in range(1, 7) for ending in ("jpg", "json")]
    record = json.loads(members["sa_1.json"])
    assert record["image"] == {
        "image_id": 1, "width": 20, "height": 30, "file_name": "sa_1.jpg",
        "license": {"id": 4, "name": "Attribution License", "url": "http://a.b/by/2.0/"},
    }  # fmt: skip
    (annotation,) = record["annotations"]
    decoded = coco_mask.decode(annotation["segmentation"])
    assert decoded.shape == (30, 20)
    assert int(decoded.sum()) == annotation["area"]
    # Rows 5 to 25 halved: 2.5 to 12.5, half of a row at each end.
    assert np.array_equal(np.argwhere(decoded).min(axis=0), [2, 2])
    assert np.array_equal(np.argwhere(decoded).max(axis=0), [12, 9])
    assert annotation["bbox"] == [2.0, 2.0, 8.0, 11.0]


def test_images_of_a_release_say_nothing_of_where_they_were_taken(
    coco: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run("release", coco, out, *RELEASE)
    assert b"GPS" not in b"".join(path.read_bytes() for path in out.glob("*.tar"))
    with Image.open(coco / "images" / "photo_0.jpg") as image:
        assert image.getexif().get_ifd(GPS)
    for shard in out.glob("*.tar"):
        for name, content in members_of(shard).items():
            if name.endswith(".jpg"):
                with Image.open(io.BytesIO(content)) as image:
                    assert not image.getexif()
                    assert b"a camera" not in content
                    pixels = np.asarray(image).astype(int)
                assert not ((pixels[:, :, 0] > 200) & (pixels[:, :, 1] < 50)).any()


def test_our_reader_the_manifest_and_the_card_agree(coco: Path, tmp_path: Path) -> None:
    out, answers = tmp_path / "out", tmp_path / "answers.toml"
    answers.write_text('[motivation]\npurpose = "To test."\n')
    run("release", coco, out, *RELEASE, "--answers", answers, "--consent", "They signed.")
    samples = [
        one for part in open_dataset(out).parts for one in part.samples() if isinstance(one, Sample)
    ]
    assert [sample.pixels().shape for sample in samples] == [(30, 20, 3)] * 6
    files = read_manifest(list_files(str(out)))
    assert files is not None
    assert {file.name for file in files} == {
        *(path.name for path in out.glob("*.tar")), "card.json", "card.md",
    }  # fmt: skip
    run("check", out, "--stripped")
    card = json.loads((out / "card.json").read_text())
    assert card["facts"]["masks"] == 6
    assert card["release"]["counts"]["licences"] == {"Attribution License": 6}
    assert card["sections"]["collection"]["consent"]["answer"] == "They signed."
    page = (out / "card.md").read_text()
    assert "To test." in page
    assert "not answered" in page


def test_the_scores_of_a_model_stay_with_their_masks(tmp_path: Path) -> None:
    source, out = tmp_path / "records", tmp_path / "out"
    photograph(source / "a.jpg")
    masks = np.zeros((3, 60, 40), bool)
    masks[0, :30, :20] = masks[1, 40, 30] = masks[2, 30:, 20:] = True  # the second vanishes
    said: tuple[dict[str, float], ...] = (
        {"predicted_iou": 0.9, "stability_score": 0.8},
        {"predicted_iou": 0.7},
        {},
    )
    annotations = [
        {"id": 9, "segmentation": rle.encode(mask), **one} for mask, one in zip(masks, said)
    ]
    (source / "a.json").write_text(json.dumps({"image": {}, "annotations": annotations}))
    assert run("release", source, out, *RELEASE).exit_code == 0
    record = json.loads(members_of(out / "sa_000000.tar")["sa_1.json"])
    first, last = record["annotations"]
    assert (first["predicted_iou"], first["stability_score"]) == (0.9, 0.8)
    assert "predicted_iou" not in last
    assert (first["id"], last["id"]) == (1, 2)


def test_nothing_is_blurred_where_nobody_wants_it(coco: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("release", coco, out, "--no-blur")
    card = json.loads((out / "card.json").read_text())
    assert "Nothing was blurred" in card["sections"]["composition"]["identifiable"]["answer"]
    with Image.open(io.BytesIO(members_of(out / "sa_000000.tar")["sa_1.jpg"])) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (60, 40, 3)
    assert ((pixels[:, :, 0] > 200) & (pixels[:, :, 1] < 60)).any()


def test_another_dataset_or_setting_and_a_full_folder_are_refused(
    coco: Path, tmp_path: Path
) -> None:
    out, full = tmp_path / "out", tmp_path / "full"
    run("release", coco, out, *RELEASE)
    before = files_of(out)
    other = run("release", coco, out, "--short-side", "10", "--shard-size", "2", *BLUR)
    assert isinstance(other.exception, Error)
    assert "short_side_px was 20 and is 10" in str(other.exception)
    full.mkdir()
    (full / "letter.txt").write_text("")
    refused = run("release", coco, full, *RELEASE)
    assert "letter.txt" in str(refused.exception)
    assert files_of(out) == before


@pytest.mark.parametrize("command", ["blur", "release"])
def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    coco: Path, tmp_path: Path, command: str
) -> None:
    out, limit = tmp_path / "out", 900 if command == "release" else 300
    source = coco if command == "release" else coco / "images"
    options = RELEASE if command == "release" else BLUR
    arguments = [sys.executable, "-m", "anymask", "dataset", command, str(source), str(out)]
    done = subprocess.run(
        [*arguments, *options],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "can't be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert files_of(out) == {}
    assert not (out / ".parts").exists()


@pytest.mark.parametrize(
    "kill", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("command", ["blur", "release"])
def test_killed_and_run_again_it_comes_to_the_same_bytes(
    coco: Path, tmp_path: Path, command: str, kill: signal.Signals
) -> None:
    source = coco if command == "release" else coco / "images"
    options = RELEASE if command == "release" else BLUR
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run(command, source, whole, *options).exit_code == 0
    arguments = [sys.executable, "-m", "anymask", "dataset", command, str(source), str(out)]
    environment = {**os.environ, "PACE_S": "0.2", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*arguments, *options], env=environment, stderr=subprocess.DEVNULL)
    first = out / ("sa_000000.tar" if command == "release" else "photo_0.jpg")
    deadline = time.monotonic() + 60
    while not first.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(kill)
    assert process.wait(30) != 0
    left = files_of(out)
    assert 0 < len(left) < len(files_of(whole))
    assert all(files_of(whole)[name] == sha256 for name, sha256 in left.items())
    again = run(command, source, out, *options)
    assert again.exit_code == 0, again.stderr
    expected = files_of(whole)
    for name in ("card.json", "card.md", MANIFEST):  # have the folder's name in them
        expected.pop(name, None)
    there = {name: sha256 for name, sha256 in files_of(out).items() if name in expected}
    assert there == expected
    assert not (out / ".parts").exists()

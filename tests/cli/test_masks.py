"""``anymask masks`` as a person runs it: folders in, folders out, stopped and run again."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.cli.main import main
from anymask.jobs.many_images import Settings
from anymask.jobs.results import Format
from anymask.predict import predictor
from anymask.predict.automatic import PAPER
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint

# A shell starts what it puts in the background deaf to Ctrl-C, and its children inherit that.
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
ANYMASK = [sys.executable, "-c", f"{HEARING}; from anymask.cli.main import main; main()"]
EVERY_MASK = ["--pred-iou-thresh", "0", "--stability-score-thresh", "0", "--points-per-side", "3"]
IOU_BIAS = "mask_decoder.iou_prediction_head.layers.2.bias"
IMAGES = ("in/1.png", "in/2.png", "in/a/3.png")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where one stands: three images in ``in`` and weights ``w``."""
    state = dict(tiny_checkpoint.state)
    state[IOU_BIAS] = state[IOU_BIAS] + 5  # a random model that thinks well of its masks
    replace(tiny_checkpoint, state=state).save(tmp_path / "w")
    for number, name in enumerate(IMAGES):
        write_image(tmp_path / name, number)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_image(path: Path, seed: int) -> None:
    """A picture of nothing: 90×60 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def masks(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str, str]:
    """Run ``anymask masks`` in this process: exit status, standard output and standard error."""
    monkeypatch.setattr(sys, "argv", ["anymask", "masks", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def tree(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder: what files hold, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def started(folder: Path, out: str) -> subprocess.Popen[str]:
    """``anymask masks`` in a process of its own, at work."""
    command = [*ANYMASK, "masks", "in", "--out", out, "--weights", "w", *EVERY_MASK]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list((folder / out).glob("*.json")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    return process


def test_a_folder_gets_a_record_for_each_image_once(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("in", "--out", "out", "--weights", "w", *EVERY_MASK)
    code, printed, errors = masks(capsys, monkeypatch, *command)
    assert (code, printed) == (0, "out\n")
    assert errors.splitlines()[-1] == "3 images: 3 done, 0 there already, 0 broken"
    before = tree(folder / "out")
    assert set(before) == {".anymask-settings", "a", "a/3.json", "1.json", "2.json"}
    record = json.loads(before["2.json"] or b"")
    assert record["image"] == {"image_id": 2, "file_name": "2.png", "width": 90, "height": 60}
    count = sum(len(json.loads(x)["annotations"]) for n, x in before.items() if x and n[-1] == "n")
    code, printed, errors = masks(capsys, monkeypatch, *command, "--json")
    assert code == 0
    assert errors.splitlines()[-1] == "3 images: 0 done, 3 there already, 0 broken"
    assert json.loads(printed) == {
        "out": "out", "images": 3, "done": 0, "already": 3, "masks": 0, "broken": [], "unread": [],
        "hidden": [], "missed": [],
    }  # fmt: skip
    assert tree(folder / "out") == before
    (folder / "out" / "a" / "3.json").unlink()
    (folder / "out" / "1.json").unlink()
    (folder / "out" / "2.json").unlink()
    code, printed, errors = masks(capsys, monkeypatch, *command, "--json")
    assert json.loads(printed)["masks"] == count > 0
    assert tree(folder / "out") == before


def test_weights_bring_thresholds_that_options_override(
    folder: Path, tiny_checkpoint: Checkpoint, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"pred_iou_thresh": 0.25, "stability_score_thresh": 0.5}
    replace(tiny_checkpoint, everything=own).save(folder / "tuned")
    command = ("in/1.png", "--weights", "tuned", "--points-per-side", "2")
    code, _, errors = masks(capsys, monkeypatch, *command, "--out", "a")
    assert code == 0
    assert "tuned was trained for --pred-iou-thresh 0.25 --stability-score-thresh 0.5" in errors
    masks(capsys, monkeypatch, *command, "--out", "b", "--stability-score-thresh", "0.9")
    found = [json.loads((folder / out / ".anymask-settings").read_text()) for out in "ab"]
    assert [(one["pred_iou_thresh"], one["stability_score_thresh"]) for one in found] == [
        (0.25, 0.5),
        (0.25, 0.9),
    ]


def test_pictures_and_a_table_for_each_image(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("in", "--out", "out", "--weights", "w", *EVERY_MASK, "--format", "png")
    assert masks(capsys, monkeypatch, *command)[0] == 0
    names = set(tree(folder / "out"))
    assert {"1/metadata.csv", "2/metadata.csv", "a/3/metadata.csv"} <= names
    assert any(name.endswith("/0.png") for name in names)


@pytest.mark.usefixtures("folder")
def test_broken_images_are_listed_at_the_end(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in/a/bad.jpg").write_bytes(Path("in/1.png").read_bytes()[:99])
    Path("in/s.tar").write_text("no tar")
    command = ("in", "--out", "out", "--weights", "w", *EVERY_MASK, "--json")
    code, printed, errors = masks(capsys, monkeypatch, *command)
    assert code == 1
    summary, first, second = errors.splitlines()[-3:]
    assert summary == "4 images: 3 done, 0 there already, 1 broken"
    assert first.startswith("  a/bad.jpg can't be ")
    assert second.startswith("  s.tar is no tar file")
    content = json.loads(printed)
    assert [one["image"] for one in content["broken"]] == ["a/bad.jpg"]
    assert [one["path"] for one in content["unread"]] == ["s.tar"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--out", "out"], 2, "PATH"),
        (["in"], 2, "--out"),
        (["in", "--out", "out", "--points-per-side", "0"], 2, "--points-per-side"),
        (["in", "--out", "out", "--pred-iou-thresh", "2"], 2, "--pred-iou-thresh"),
        (["in", "--out", "out", "--format", "tiff"], 2, "--format"),
        (["in", "--out", "out", "--on", "paper"], 2, "'paper' is not one of 'process', 'ray'"),
        (["in", "--out", "out", "--engine", "paper"], 2, "'paper' is not one of"),
        (["in", "--out", "out", "--actors", "2"], 2, "--actors goes with --on ray"),
        (["missing", "--out", "out"], 1, "there is no file or folder missing"),
        (["in", "missing*", "--out", "out"], 1, "nothing matches missing*"),
        (["w", "--out", "out"], 1, "there are no images in w"),
        (["s3://a/b", "--out", "out"], 1, "s3fs"),
        (["in", "in/a/../2.png", "./in/a", "--out", "in/1.png"], 1, "in/1.png is no folder"),
        (["in", "--format", "overlay", "--out", "in/../in"], 1, "mix with photographs"),
        (["in", "--format", "labels", "--out", "link"], 1, "mix with photographs"),
        (["in", "--format", "png", "--out", "in"], 1, "mix with photographs"),
        (["in", "--out", "out"], 1, "no-such-weights"),
        (["in", "--out", "out", "--device", "gpu"], 1, "cuda"),
    ],
)
def test_misuse_is_explained_in_a_line_before_anything_is_made(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    Path("link").symlink_to("in")
    before = tree(Path())
    weights = ("--weights", "no-such-weights")  # what is wrong with the inputs is found first
    status, printed, errors = masks(capsys, monkeypatch, *arguments, *weights)
    assert (status, printed) == (code, ""), errors
    assert message in errors
    assert tree(Path()) == before
    if code == 1:
        assert len(errors.strip().splitlines()) == 1


@pytest.mark.usefixtures("folder")
def test_flags_replace_what_the_preset_says(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tiny_predictor: Predictor,
) -> None:
    monkeypatch.setattr(predictor, "load", lambda *_, **__: tiny_predictor)
    flags = {
        "points_per_side": 2, "points_per_batch": 3, "pred_iou_thresh": 0.25,
        "stability_score_thresh": 0.5, "stability_score_offset": 0.75, "box_nms_thresh": 0.625,
        "crop_n_layers": 1, "crop_nms_thresh": 0.375, "crop_overlap_ratio": 0.125,
        "crop_n_points_downscale_factor": 3, "min_mask_region_area": 7,
    }  # fmt: skip
    options = [x for name, value in flags.items() for x in (f"--{name.replace('_', '-')}", value)]
    command = ("in/1.png", "--out", "out", "--preset", "paper", *map(str, options))
    assert masks(capsys, monkeypatch, *command)[0] == 0
    config = replace(PAPER, **flags)  # type: ignore[arg-type]
    settings = Settings(tiny_predictor.model_id, "float32", config, Format.json)
    assert json.loads(Path("out/.anymask-settings").read_bytes()) == settings.to_json()
    code, _, errors = masks(capsys, monkeypatch, "in/1.png", "--out", "out")
    assert code == 1
    assert "points_per_side was 2, now 32" in errors
    assert errors.strip().endswith("take another --out")


def test_ctrl_c_says_how_to_go_on_and_leaves_nothing_half_made(folder: Path) -> None:
    for number in range(100, 400):
        write_image(folder / "in" / f"{number}.png", number)
    process = started(folder, "out")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "anymask: stopped; run the same command again to go on"
    assert "Traceback" not in errors
    left = set(tree(folder / "out"))
    assert ".parts" not in left
    assert 2 <= len(left) < 300


def test_a_killed_command_goes_on(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100, 124):
        write_image(folder / "in" / f"{number}.png", number)
    for seed in range(2):
        process = started(folder, "out")
        time.sleep(random.Random(seed).uniform(0, 0.1))
        process.kill()
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
    for out in ("out", "undisturbed"):
        command = ("in", "--out", out, "--weights", "w", *EVERY_MASK)
        assert masks(capsys, monkeypatch, *command)[0] == 0
    assert tree(folder / "out") == tree(folder / "undisturbed")


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("overlay", {"1.jpg", "2.jpg", "a/3.jpg"}),
        ("labels", {"1.png", "2.png", "a/3.png"}),
        ("coco", {".records/1.json", ".records/2.json", ".records/a/3.json", "instances.json"}),
    ],
)
def test_every_format_is_written_once_and_passed_over_later(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, form: str, names: set[str]
) -> None:
    command = ("in", "--out", "in/out", "--weights", "w", *EVERY_MASK, "--format", form, "--json")
    assert masks(capsys, monkeypatch, *command)[0] == 0
    before = {name: content for name, content in tree(folder / "in/out").items() if content}
    assert set(before) == {".anymask-settings", *names}
    code, printed, errors = masks(capsys, monkeypatch, *command)
    assert (code, json.loads(printed)["already"]) == (0, 3)
    assert before.items() <= tree(folder / "in/out").items()
    command = ("in", "--out", "other", "--weights", "w", *EVERY_MASK, "--json")
    code, printed, errors = masks(capsys, monkeypatch, *command)
    assert (code, json.loads(printed)["images"]) == (0, 3)
    assert ("in/out holds results of anymask masks: 3 pictures passed over" in errors) == (
        form != "coco"
    )


def test_masks_that_labels_do_not_show_are_listed(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("in/1.png", "--out", "out", "--weights", "w", *EVERY_MASK)
    _, printed, errors = masks(capsys, monkeypatch, *command, "--format", "labels", "--json")
    count = json.loads(printed)["masks"]
    shown = np.unique(np.asarray(Image.open(folder / "out/1.png")))
    hidden = sorted(set(range(1, count + 1)) - {*shown.tolist()})
    expected = [{"image": "1.png", "masks": hidden}] if hidden else []
    assert json.loads(printed)["hidden"] == expected
    assert ("labels do not show" in errors) == bool(hidden)

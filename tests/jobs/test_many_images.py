"""Everything in many images: golden records, names, settings, and what does not stop the job."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.annotations import Record
from anymask.core.protocol import DiscSegmenter
from anymask.datasets import sa1b_record
from anymask.datasets.photographs import Photograph, find_photographs
from anymask.errors import Error, OutputError
from anymask.jobs import folder as job_folders
from anymask.jobs import many_images
from anymask.jobs.folder import claim
from anymask.jobs.many_images import (
    PARTS_FOLDER,
    SETTINGS_FILE,
    Outcome,
    Settings,
    State,
    begin,
    masks_of,
    named_results,
    segment_all,
)
from anymask.jobs.results import Format
from anymask.predict.automatic import AutomaticConfig

CONFIG = AutomaticConfig(points_per_side=1, pred_iou_thresh=0.85, stability_score_thresh=0.0)
SETTINGS = Settings("discs", "float32", CONFIG, Format.json)
PICTURES = replace(SETTINGS, format=Format.png)
# A disc of radius 64 px of the model's 1024 is one of 1 px in an image 16 px wide: the 2×2 pixels
# around its middle (8, 6). Column by column: 7·12 + 5 outside, 2 in, 10 out, 2 in, 89 out.
DISC = (
    '"annotations": [{"id": 0, "segmentation": {"size": [12, 16], "counts": "i22:0_2"}, '
    '"bbox": [7.0, 5.0, 2.0, 2.0], "area": 4, "predicted_iou": 0.8999999761581421, '
    '"stability_score": 1.0, "crop_box": [0.0, 0.0, 16.0, 12.0], '
    '"point_coords": [[8.0, 6.0]]}]}\n'
)


def write_images(folder: Path, *names: str) -> Path:
    """A folder of grey pictures of 16×12 pixels under these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png())
    return folder


def png() -> bytes:
    """A grey picture of 16×12 pixels."""
    written = io.BytesIO()
    Image.new("RGB", (16, 12), "grey").save(written, format="PNG")
    return written.getvalue()


def found(*arguments: Path) -> list[Photograph]:
    """The photographs in files and folders."""
    return find_photographs([str(argument) for argument in arguments]).photographs


def segment(folder: Path, out: Path, settings: Settings = SETTINGS) -> list[Outcome]:
    """Everything in a folder, with discs."""
    return list(segment_all(DiscSegmenter(), found(folder), out, settings))


def tree(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder: what files hold, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def test_a_record_for_each_image_in_its_folder(tmp_path: Path) -> None:
    write_images(tmp_path / "in", "sa_5.png", "coco/000000000009.jpg")
    outcomes = segment(tmp_path / "in", tmp_path / "out")
    assert outcomes == [
        Outcome("coco/000000000009.jpg", State.done, 1),
        Outcome("sa_5.png", State.done, 1),
    ]
    written = tree(tmp_path / "out")
    del written[SETTINGS_FILE]
    image = '{"image": {"image_id": %d, "file_name": "%s", "width": 16, "height": 12}, '
    assert written == {
        "coco": None,
        "coco/000000000009.json": (image % (9, "000000000009.jpg") + DISC).encode(),
        "sa_5.json": (image % (5, "sa_5.png") + DISC).encode(),
    }


def test_the_settings_are_noted(tmp_path: Path) -> None:
    write_images(tmp_path / "in", "sa_5.png")
    grids = replace(CONFIG, point_grids=(np.array([[0.5, 0.25]], np.float32),))
    segment(tmp_path / "in", tmp_path / "out", replace(SETTINGS, config=grids))
    noted = json.loads((tmp_path / "out" / SETTINGS_FILE).read_bytes())
    assert noted["model"] == "discs"
    assert noted["format"] == "json"
    assert noted["pred_iou_thresh"] == 0.85
    assert noted["point_grids"] == [[[0.5, 0.25]]]
    assert "points_per_batch" not in noted
    segment(tmp_path / "in", tmp_path / "out", replace(SETTINGS, config=grids))  # the same again


def test_pictures_are_the_masks_of_the_records(tmp_path: Path) -> None:
    write_images(tmp_path / "in", "a/sa_5.png")
    many = replace(CONFIG, points_per_side=2, pred_iou_thresh=0.0)
    segment(tmp_path / "in", tmp_path / "json", replace(SETTINGS, config=many))
    segment(tmp_path / "in", tmp_path / "png", replace(PICTURES, config=many))
    content = (tmp_path / "json" / "a" / "sa_5.json").read_bytes()
    annotations = sa1b_record.from_bytes(content, "sa_5.json")["annotations"]
    assert len(annotations) > 4
    pictures = tmp_path / "png" / "a" / "sa_5"
    rows = (pictures / "metadata.csv").read_text().splitlines()[1:]
    assert len(list(pictures.glob("*.png"))) == len(rows) == len(annotations)
    for number, (annotation, row) in enumerate(zip(annotations, rows)):
        mask = np.asarray(Image.open(pictures / f"{number}.png"))
        np.testing.assert_array_equal(mask, rle.decode(annotation["segmentation"]) * 255)
        assert row.split(",")[:2] == [str(number), str(annotation["area"])]


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    write_images(tmp_path / "in", "1.png", "a/2.png", "a/b/3.png")
    segment(tmp_path / "in", tmp_path / "out")

    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in [*tmp_path.rglob("*"), tmp_path / "out"]}

    before = times()
    again = segment(tmp_path / "in", tmp_path / "out")
    assert {outcome.state for outcome in again} == {State.already}
    assert times() == before


def test_what_is_new_is_done_and_what_was_deleted_is_done_again(tmp_path: Path) -> None:
    write_images(tmp_path / "in", "1.png", "2.png")
    segment(tmp_path / "in", tmp_path / "out")
    before = tree(tmp_path / "out")
    (tmp_path / "out" / "1.json").unlink()
    write_images(tmp_path / "in", "3.png")
    states = [outcome.state for outcome in segment(tmp_path / "in", tmp_path / "out")]
    assert states == [State.done, State.already, State.done]
    (tmp_path / "out" / "3.json").unlink()
    assert tree(tmp_path / "out") == before


def test_broken_images_are_outcomes_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_images(tmp_path / "in", "1.png", "9.png")
    whole = (folder / "1.png").read_bytes()
    (folder / "2.png").write_bytes(whole[:50])
    (folder / "3.png").write_bytes(b"")
    (folder / "4.png").write_text("no image")
    (folder / "a").mkdir()
    (folder / "a" / "5.png").symlink_to("nowhere")
    Image.new("1", (100, 100)).save(folder / "6.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    outcomes = {one.name: one for one in segment(folder, tmp_path / "out")}
    assert {name for name, one in outcomes.items() if one.state == State.done} == {"1.png", "9.png"}
    reasons = {name: one.reason for name, one in outcomes.items() if one.reason}
    assert reasons["2.png"].startswith("2.png can't be")
    assert reasons["3.png"] == "3.png is empty: it has no bytes"
    assert reasons["4.png"] == "4.png is not an image of a known format"
    assert reasons["a/5.png"] == "a/5.png can't be read: No such file or directory"
    assert "6.png can't be read" in reasons["6.png"]
    assert set(tree(tmp_path / "out")) == {SETTINGS_FILE, "1.json", "9.json"}


def test_an_image_that_does_not_fit_in_memory_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(many_images, "segment_everything", exhausted)
    write_images(tmp_path / "in", "1.png")
    (outcome,) = segment(tmp_path / "in", tmp_path / "out")
    assert outcome == Outcome("1.png", State.broken, reason="1.png does not fit in memory")


def test_images_of_a_shard(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "sa_000.tar", "w") as tar:
        for name, content in (("./sa_1.jpg", png()), ("./sa_1.json", b"{}"), ("./sa_2.jpg", b"")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    outcomes = segment(tmp_path / "sa_000.tar", tmp_path / "out")
    assert [outcome.state for outcome in outcomes] == [State.done, State.broken]
    assert set(tree(tmp_path / "out")) == {SETTINGS_FILE, "sa_000", "sa_000/sa_1.json"}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(SETTINGS, model="sam"), "model was discs, now sam"),
        (replace(SETTINGS, dtype="float16"), "dtype was float32, now float16"),
        (PICTURES, "format was json, now png"),
        (replace(SETTINGS, config=AutomaticConfig()), "points_per_side was 1, now 32; pred_iou"),
    ],
)
def test_a_folder_of_other_settings_is_refused(
    tmp_path: Path, other: Settings, message: str
) -> None:
    write_images(tmp_path / "in", "1.png")
    segment(tmp_path / "in", tmp_path / "out")
    before = tree(tmp_path / "out")
    with pytest.raises(Error, match=message + ".*take another --out"):
        segment(tmp_path / "in", tmp_path / "out", other)
    assert tree(tmp_path / "out") == before
    smaller_batches = replace(CONFIG, points_per_batch=1)
    segment(tmp_path / "in", tmp_path / "out", replace(SETTINGS, config=smaller_batches))


def test_results_of_unknown_settings_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path / "in", "1.png", "2.png")
    write_images(tmp_path / "out", "2.json")
    with pytest.raises(Error, match=r"2\.json is there, but \.anymask-settings"):
        segment(tmp_path / "in", tmp_path / "out")
    assert set(tree(tmp_path / "out")) == {"2.json"}


@pytest.mark.parametrize("content", ["", "{", "[1]", "5"])
def test_damaged_settings_are_named(tmp_path: Path, content: str) -> None:
    write_images(tmp_path / "in", "1.png")
    write_images(tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / SETTINGS_FILE).write_text(content)
    with pytest.raises(Error, match=r"\.anymask-settings can't be read"):
        segment(tmp_path / "in", tmp_path / "out")


def test_settings_that_another_process_keeps_locked_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many_images, "SETTINGS_TIMEOUT_S", 0.1)
    monkeypatch.setattr(job_folders, "POLL_S", 0.01)
    out = tmp_path / "out"
    locked = pytest.raises(OutputError, match="locked by another process")
    with claim(out / SETTINGS_FILE, out / PARTS_FOLDER), locked:
        begin(out, SETTINGS, [])


def test_what_goes_between_processes_can_be_pickled(tmp_path: Path) -> None:
    photographs = found(write_images(tmp_path / "in", "1.png"))
    (result,) = named_results(photographs, Format.json)
    begin(tmp_path / "out", SETTINGS, [])
    sent = (DiscSegmenter(), result, tmp_path / "out", SETTINGS)
    outcome = masks_of(*pickle.loads(pickle.dumps(sent)))
    assert pickle.loads(pickle.dumps(outcome)) == Outcome("1.png", State.done, 1)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(job_folders, "POLL_S", 0.01)
    monkeypatch.setattr(many_images, "IMAGE_TIMEOUT_S", 0.3)


@pytest.mark.usefixtures("impatient")
def test_what_another_has_in_hand_comes_last(tmp_path: Path) -> None:
    photographs = found(write_images(tmp_path / "in", "1.png", "2.png", "3.png"))
    out = tmp_path / "out"
    result = named_results(photographs, Format.json)[0]
    begin(out, SETTINGS, [])
    with claim(Format.json.target(result, out), out / PARTS_FOLDER) as part:
        assert part is not None
        job = segment_all(DiscSegmenter(), photographs, out, SETTINGS)
        assert masks_of(DiscSegmenter(), result, out, SETTINGS).state == State.elsewhere
        assert [next(job).name for _ in range(2)] == ["2.png", "3.png"]
        part.write_text('{"image": {"image_id": 1, "file_name": "1.png", "masks": "of the other"}}')
    assert list(job) == [Outcome("1.png", State.already)]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("freed", [True, False])
def test_what_another_gives_up_is_done_and_what_it_keeps_is_not_waited_for_for_ever(
    tmp_path: Path, freed: bool
) -> None:
    photographs = found(write_images(tmp_path / "in", "1.png"))
    out = tmp_path / "out"
    begin(out, SETTINGS, [])
    (result,) = named_results(photographs, Format.json)
    claimed = claim(Format.json.target(result, out), out / PARTS_FOLDER)
    claimed.__enter__()
    timer = threading.Timer(0.05, lambda: freed and claimed.__exit__(None, None, None))
    timer.start()
    (outcome,) = segment_all(DiscSegmenter(), photographs, out, SETTINGS)
    timer.join()
    if freed:
        assert outcome == Outcome("1.png", State.done, 1)
    else:
        assert outcome.state == State.broken
        assert "another process" in outcome.reason
        claimed.__exit__(None, None, None)


def test_a_full_disk_stops_the_job_and_leaves_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photographs = found(write_images(tmp_path / "in", "1.png", "2.png", "3.png"))
    to_bytes = sa1b_record.to_bytes

    def fills_up(record: Record) -> bytes:
        if record["image"]["image_id"] == 2:
            raise OSError(28, "No space left on device")
        return to_bytes(record)

    monkeypatch.setattr(sa1b_record, "to_bytes", fills_up)
    job = segment_all(DiscSegmenter(), photographs, tmp_path / "out", SETTINGS)
    assert next(job).state == State.done
    with pytest.raises(OutputError, match=r"2\.json can't be written: No space left"):
        next(job)
    assert set(tree(tmp_path / "out")) == {SETTINGS_FILE, "1.json"}


def test_a_job_that_is_closed_leaves_nothing_in_the_making(tmp_path: Path) -> None:
    photographs = found(write_images(tmp_path / "in", "1.png", "2.png"))
    job = segment_all(DiscSegmenter(), photographs, tmp_path / "out", SETTINGS)
    next(job)
    assert isinstance(job, Iterator)
    job.close()  # type: ignore[attr-defined]
    assert set(tree(tmp_path / "out")) == {SETTINGS_FILE, "1.json"}

"""Jobs: parts, resumption, sharing, what is passed over, and the result they come to."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import time
from pathlib import Path

import pytest

from anymask.core.protocol import DiscSegmenter
from anymask.datasets.recognise import open_dataset
from anymask.errors import ResultError
from anymask.evaluation import job as jobs
from anymask.evaluation.job import EvaluationJob, begin, done, finish, work
from anymask.evaluation.result import read_result
from anymask.jobs.folder import claim
from tests.evaluation.scripted import MODEL_ID, Sizes, dataset_in, job_of, save_pair

SAM = DiscSegmenter()


def run(job: EvaluationJob) -> list[bool]:
    """From beginning to end."""
    begin(job)
    return list(work(job, SAM))


def test_a_result_says_what_was_found_and_how(tmp_path: Path) -> None:
    job = job_of(dataset_in(tmp_path / "set"), tmp_path / "out" / "sizes.json")
    assert run(job) == [True] * 4
    result = finish(job, "anymask evaluate sizes")
    assert read_result(job.out) == result
    assert (result.experiment, result.options, result.data) == ("sizes", {"scale": 1.0}, "set")
    assert (result.images, len(result.rows), result.model) == (4, 8, MODEL_ID)
    assert result.rows[0]["image"] == "images/0.png"
    assert result.metrics["area"] == result.rows[0]["area"]
    assert result.command == "anymask evaluate sizes"
    assert result.machine
    assert result.versions["python"]
    assert 0 < result.model_seconds <= result.seconds
    assert not job.folder.path.exists()
    assert "set" not in json.dumps(json.loads(job.out.read_text())["command"])


def test_a_stopped_job_goes_on_where_it_was(tmp_path: Path) -> None:
    job = job_of(dataset_in(tmp_path / "set"), tmp_path / "sizes.json")
    begin(job)
    steps = work(job, SAM)
    assert [next(steps), next(steps)] == [True, True]
    del steps
    assert done(job) == 2
    assert run(job) == [False, False, True, True]
    assert finish(job, "").images == 4


def test_a_limit_draws_images_by_the_seed_and_smaller_draws_are_in_larger_ones(
    tmp_path: Path,
) -> None:
    dataset = dataset_in(tmp_path / "set", images=12)
    names = {
        (count, seed): {part.name for part in job_of(dataset, tmp_path, None, count, seed).parts}
        for count in (3, 6)
        for seed in (0, 1)
    }
    assert names[3, 0] < names[6, 0]
    assert names[6, 0] != names[6, 1]
    assert len(job_of(dataset, tmp_path, limit=50).parts) == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"experiment": Sizes(scale=2.0)}, "options was"),
        ({"limit": 2}, "limit was None and is 2"),
        ({"seed": 1}, "seed was 0 and is 1"),
    ],
)
def test_parts_of_another_job_are_not_mixed_in(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    dataset = dataset_in(tmp_path / "set")
    begin(job_of(dataset, tmp_path / "x.json"))
    with pytest.raises(ResultError, match=said):
        begin(job_of(dataset, tmp_path / "x.json", **change))  # type: ignore[arg-type]


def test_a_result_is_not_overwritten(tmp_path: Path) -> None:
    job = job_of(dataset_in(tmp_path / "set"), tmp_path / "x.json")
    job.out.write_text("mine")
    with pytest.raises(ResultError, match="is there already"):
        begin(job)


def test_what_cannot_be_read_is_named_and_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    dataset_in(folder)
    save_pair(folder, "empty", discs=0)
    save_pair(folder, "refused")
    save_pair(folder, "broken")
    save_pair(folder, "small", side=64)
    save_pair(folder, "lonely")
    (folder / "images" / "broken.png").write_bytes(b"no picture")
    (folder / "masks" / "small.png").write_bytes((folder / "masks" / "0.png").read_bytes()[:90])
    (folder / "masks" / "lonely.png").unlink()
    save_pair(folder, "resized")
    save_pair(tmp_path / "other", "resized", side=48)
    (tmp_path / "other/masks/resized.png").replace(folder / "masks" / "resized.png")
    job = job_of(open_dataset(str(folder)), tmp_path / "x.json")
    run(job)
    result = finish(job, "")
    assert result.images == 4
    reasons = {one["name"]: one["reason"] for one in result.passed_over}
    assert set(reasons) == {
        f"images/{name}.png"
        for name in ("empty", "refused", "broken", "small", "lonely", "resized")
    }
    assert "64×64 (width×height), but has masks of 48×48" in reasons["images/resized.png"]
    assert reasons["images/refused.png"] == "is refused"
    assert all(reasons.values())


def coco_in(folder: Path, images: int) -> Path:
    """Images of which each has an object, a box without a mask, and a crowd."""
    square = [[4, 4, 40, 4, 40, 40, 4, 40]]
    entries = []
    for number in range(images):
        save_pair(folder, f"{number}")
        one = {"image_id": number, "category_id": 1, "segmentation": square}
        entries += [one, {**one, "segmentation": []}, {**one, "iscrowd": 1}]
    pictures = [
        {"id": n, "file_name": f"{n}.png", "height": 64, "width": 64} for n in range(images)
    ]
    (folder / "instances.json").write_text(json.dumps({"images": pictures, "annotations": entries}))
    return folder


@pytest.mark.parametrize("limit", [None, 2])
def test_what_is_left_out_of_images_that_are_read_is_no_unread_image(
    tmp_path: Path, limit: int | None
) -> None:
    dataset = open_dataset(str(coco_in(tmp_path / "set", 3)))
    job = job_of(dataset, tmp_path / "x.json", limit=limit)
    run(job)
    result = finish(job, "")
    images = limit or 3
    assert (result.images, len(result.rows), result.unread) == (images, images, [])
    file, *others = result.passed_over
    assert file["name"] == "instances.json"
    assert "3 of its annotations are marked iscrowd 1 and left out as crowds" in file["reason"]
    assert len(others) == images
    assert all(one["annotations"] == 1 and "no mask" in one["reason"] for one in others)
    assert result.annotations_left_out == 3 + images
    assert read_result(job.out) == result


def test_nothing_to_evaluate_is_an_error_that_says_why(tmp_path: Path) -> None:
    save_pair(tmp_path / "set", "refused")
    job = job_of(open_dataset(str(tmp_path / "set")), tmp_path / "x.json")
    run(job)
    with pytest.raises(ResultError, match=r"refused\.png is refused"):
        finish(job, "")


def test_a_job_can_be_sent_to_another_process(tmp_path: Path) -> None:
    job = job_of(dataset_in(tmp_path / "set"), tmp_path / "x.json")
    assert run(pickle.loads(pickle.dumps(job))) == [True] * 4
    assert finish(job, "").images == 4


def slow_work(job: EvaluationJob) -> None:
    """Half a second a part."""
    for _ in work(job, SAM):
        time.sleep(0.5)


def test_what_a_killed_process_had_in_hand_another_does(tmp_path: Path) -> None:
    job = job_of(dataset_in(tmp_path / "set", images=6), tmp_path / "x.json")
    begin(job)
    other = multiprocessing.get_context("spawn").Process(target=slow_work, args=(job,))
    other.start()
    deadline = time.monotonic() + 60
    while not done(job) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert other.pid is not None
    os.kill(other.pid, signal.SIGKILL)
    other.join()
    before = done(job)
    assert 0 < before < 6
    assert sum(work(job, SAM)) == 6 - before
    assert finish(job, "").images == 6


def test_whoever_comes_after_the_result_does_nothing(tmp_path: Path) -> None:
    job = job_of(dataset_in(tmp_path / "set"), tmp_path / "x.json")
    run(job)
    finish(job, "")
    assert list(work(job, SAM)) == [False] * 4
    assert not job.folder.path.exists()


def test_a_part_in_other_hands_for_too_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(dataset_in(tmp_path / "set"), tmp_path / "x.json")
    begin(job)
    monkeypatch.setattr(jobs, "PART_TIMEOUT_S", 0.0)
    held = job.file(job.parts[0])
    with (
        claim(held, job.folder.path / jobs.CLAIMS_FOLDER),
        pytest.raises(ResultError, match="too long"),
    ):
        list(work(job, SAM))

"""The job on a real Ray cluster: the same output as a single process, a lost machine or not."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from anymask.core.in_context.example import Example
from anymask.datasets.photographs import Photograph, find_photographs
from anymask.datasets.prompting.candidate_file import CandidateFile
from anymask.datasets.prompting.examples import Examples
from anymask.errors import Error
from anymask.jobs.likeness import Likeness
from anymask.jobs.many_images import Outcome, Settings, State, segment_all
from anymask.jobs.results import Format
from anymask.jobs.words import Words
from anymask.models.seggpt import SegGPT
from anymask.predict.automatic import AutomaticConfig
from anymask.predict.disk_cache import DiskCache
from anymask.predict.in_context.load import load_in_context
from anymask.predict.load import ModelSource
from anymask.predict.predictor import load
from anymask.predict.words.load import load_words
from anymask.weights.checkpoint import Checkpoint
from docs.drawn_scenes import scenes
from tests.predict.in_context.test_seggpt import TINY

# Ray reads it when imported, and then keeps to the loopback device as it does on a laptop.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray.cluster_utils import Cluster

from anymask.jobs.many_machines import segment_on_cluster
from anymask.jobs.ray_cluster import spread, stream

IOU_BIAS = "mask_decoder.iou_prediction_head.layers.2.bias"
CONFIG = AutomaticConfig(points_per_side=10, pred_iou_thresh=0, stability_score_thresh=0)
IMAGES = 24
HOUSE, CORNER = [340, 180, 200, 200], [9, 9, 50, 60]  # boxes XYWH in drawings
Nodes = tuple[Cluster, Any]


@pytest.fixture
def cluster() -> Iterator[Nodes]:
    """A head with one processor, and a second machine with one."""
    head = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    second = nodes.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    ray.init(nodes.address, log_to_driver=False)
    nodes.wait_for_nodes(timeout=60)
    yield nodes, second
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture
def source(tmp_path: Path, tiny_checkpoint: Checkpoint) -> ModelSource:
    """A random model that thinks well of its masks."""
    state = dict(tiny_checkpoint.state)
    state[IOU_BIAS] = state[IOU_BIAS] + 5
    path = tmp_path / "w"
    replace(tiny_checkpoint, state=state).save(path)
    model_id = load(path, device="cpu").model_id
    return ModelSource(str(path), "cpu", "float32", True, model_id)


@pytest.fixture
def photographs(tmp_path: Path) -> list[Photograph]:
    """Pictures of nothing, in two folders, and a file that is none."""
    for number in range(IMAGES):
        path = tmp_path / "in" / ("a" if number % 2 else "b") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (60, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no image")
    return find_photographs([str(tmp_path / "in")]).photographs


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many as an actor of the cluster has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def alone(source: ModelSource, photographs: list[Photograph], out: Path) -> dict[str, bytes]:
    """What a single process of one thread writes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    sam = load(source.weights, device="cpu")
    list(segment_all(sam, photographs, out, settings(source)))
    torch.set_num_threads(threads)
    return tree(out)


def settings(source: ModelSource) -> Settings:
    return Settings(source.model_id, "float32", CONFIG, Format.json)


def tree(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_a_cluster_that_loses_a_machine_writes_what_a_single_process_writes(
    cluster: Nodes, source: ModelSource, photographs: list[Photograph], tmp_path: Path
) -> None:
    nodes, second = cluster
    out, outcomes = tmp_path / "out", list[Outcome]()
    for outcome in segment_on_cluster(source, photographs, out, settings(source), actors=2):
        outcomes.append(outcome)
        if len(outcomes) == 5:
            nodes.remove_node(second, allow_graceful=False)
    assert len(list(out.rglob("*.json"))) == IMAGES
    assert sorted(one.name for one in outcomes) == sorted(one.name for one in photographs)
    (broken,) = [one for one in outcomes if one.state == State.broken]
    assert "broken.jpg" in broken.reason
    assert tree(out) == alone(source, photographs, tmp_path / "alone")

    again = list(segment_on_cluster(source, photographs, out, settings(source)))
    assert {one.state for one in again} == {State.already, State.broken}
    assert tree(out) == tree(tmp_path / "alone")


@pytest.mark.usefixtures("cluster")
@pytest.mark.slow
def test_a_cluster_makes_the_coco_file_that_a_single_process_makes(
    source: ModelSource, photographs: list[Photograph], tmp_path: Path
) -> None:
    coco = replace(settings(source), format=Format.coco)
    some = photographs[:4]
    list(segment_on_cluster(source, some, tmp_path / "out", coco))
    list(segment_all(load(source.weights, device="cpu"), some, tmp_path / "alone", coco))
    assert (tmp_path / "out" / "instances.json").exists()
    assert tree(tmp_path / "out") == tree(tmp_path / "alone")


@pytest.mark.usefixtures("cluster")
@pytest.mark.slow
def test_a_cluster_finds_what_is_like_an_example_as_a_single_process_does(
    photographs: list[Photograph], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = SegGPT(TINY)
    model.initialise()
    Checkpoint("tiny", TINY, model.state_dict()).save(tmp_path / "seggpt")
    source = ModelSource(str(tmp_path / "seggpt"), "cpu", "float32", True)
    predictor = load_in_context(source)
    pixels = photographs[0].pixels()
    labels = np.zeros(pixels.shape[:2], np.int32)
    labels[:30, :40], labels[30:, 50:] = 1, 2
    examples = Examples((Example(pixels, labels),), names={1: 7, 2: 9}, digests=("one",))
    asked = Settings(predictor.model_id, "float32", Likeness(examples), Format.json)
    some = photographs[1:5]
    source = replace(source, model_id=predictor.model_id)
    outcomes = list(segment_on_cluster(source, some, tmp_path / "out", asked))
    assert {one.state for one in outcomes} == {State.done}
    list(segment_all(predictor, some, tmp_path / "alone", asked))
    assert tree(tmp_path / "out") == tree(tmp_path / "alone")


@pytest.mark.usefixtures("cluster", "one_thread")
@pytest.mark.weights
@pytest.mark.slow
def test_a_cluster_finds_what_words_name_as_a_single_process_does(tmp_path: Path) -> None:
    """Of drawings, by the real encoders: in everything of one, among boxes of a file in all."""
    (tmp_path / "in").mkdir()
    for number, (scene, _) in enumerate(scenes()[:3]):
        Image.fromarray(scene).save(tmp_path / "in" / f"{number}.png")
    results = [{"image_id": number, "bbox": box} for number, box in ((0, HOUSE), (1, CORNER))]
    (tmp_path / "found.json").write_text(json.dumps(results))
    photographs = find_photographs([str(tmp_path / "in")]).photographs
    source = ModelSource("mobile-sam", "cpu", "float32", True)
    # What the cluster keeps of images is not looked at here.
    finder = load_words(source, cache=DiskCache(tmp_path / "kept", 1 << 30))
    source = replace(source, model_id=finder.model_id)
    among = CandidateFile.read(str(tmp_path / "found.json"))
    for words, some in (
        (Words(("house",)), photographs[:1]),
        (Words(("house",), among), photographs),
    ):
        asked = Settings(finder.model_id, "float32", words, Format.json)
        name = f"{len(some)}"
        outcomes = {
            one.name: one for one in segment_on_cluster(source, some, tmp_path / name, asked)
        }
        assert {one.state for one in outcomes.values()} == {State.done}
        assert outcomes["0.png"].masks == 1
        list(segment_all(finder, some, tmp_path / f"alone{name}", asked))
        assert tree(tmp_path / name) == tree(tmp_path / f"alone{name}")
    assert "says nothing of 2.png" in outcomes["2.png"].missed[0]


def test_other_weights_than_those_asked_for_are_an_error(
    cluster: Nodes, source: ModelSource, photographs: list[Photograph], tmp_path: Path
) -> None:
    other = replace(source, model_id="another")
    with pytest.raises(Error, match="is another model on this machine"):
        list(segment_on_cluster(other, photographs[:1], tmp_path / "out", settings(other)))


@pytest.mark.usefixtures("cluster")
@pytest.mark.slow
def test_any_work_goes_to_a_cluster(tmp_path: Path) -> None:
    """``start`` is called with an actor's threads, here 1; what it returns adds them to an item."""
    start: Any = partial(partial, operator.add)
    assert sorted(stream(start, range(10))) == list(range(1, 11))
    assert list(stream(start, [])) == []
    with pytest.raises(Error, match="the cluster gave up"):
        list(stream(start, ["no number"]))
    for _ in spread(Path.touch, tmp_path / "file", 2):
        pass
    assert (tmp_path / "file").exists()
    with pytest.raises(Error, match="the cluster gave up: FileExistsError"):
        list(spread(Path.mkdir, tmp_path / "file"))
    with pytest.raises(Error, match="has no cards"):
        list(spread(Path.touch, tmp_path / "file", 1, "cuda"))

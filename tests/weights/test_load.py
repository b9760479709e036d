"""Checkpoints: written, read, recognised in other people's layouts, refused when they don't fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import anymask
from anymask.errors import (
    CorruptFileError,
    LayoutError,
    OutputError,
    UnknownWeightsError,
    WeightsError,
)
from anymask.models.sam import MOBILE_SAM, Sam
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.convert import to_checkpoint, write_hugging_face, write_official
from anymask.weights.fetch import sha256_of
from anymask.weights.identity import weights_sha256
from anymask.weights.load import load_checkpoint
from anymask.weights.model_families import sam_from_json, sam_to_json


def same(a: Checkpoint, b: Checkpoint) -> bool:
    """Whether two checkpoints are the same model."""
    return a.config == b.config and all(torch.equal(a.state[k], b.state[k]) for k in a.state)


def test_a_saved_checkpoint_is_read_back(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    tiny_checkpoint.save(tmp_path / "run")
    read = load_checkpoint(tmp_path / "run")
    assert same(tiny_checkpoint, read)
    assert read.name == "tiny"
    assert read.made_by == {"source": "a test"}
    assert read.sha256 == sha256_of(tmp_path / "run" / "model.safetensors")
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"config.json", "model.safetensors"}


def test_thresholds_travel_with_the_weights(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    own = {"pred_iou_thresh": 0.4, "stability_score_thresh": 0.8}
    replace(tiny_checkpoint, everything=own).save(tmp_path)
    assert load_checkpoint(tmp_path).everything == own
    header = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(header | {"everything": {"x": 1}}))
    with pytest.raises(CorruptFileError, match="are no thresholds"):
        load_checkpoint(tmp_path)
    del header["everything"]  # as checkpoints of earlier versions
    (tmp_path / "config.json").write_text(json.dumps(header))
    assert load_checkpoint(tmp_path).everything == {}


@pytest.mark.parametrize("ending", [".pth", ".pt"])
def test_an_official_file_is_recognised(
    tmp_path: Path, tiny_checkpoint: Checkpoint, ending: str
) -> None:
    path = tmp_path / f"sam{ending}"
    write_official(tiny_checkpoint, path)
    read = load_checkpoint(path)
    assert same(tiny_checkpoint, read)
    assert read.made_by["layout"] == "official"
    assert read.model_id == f"sam@{sha256_of(path)[:16]}"


def test_a_hugging_face_folder_is_recognised(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    write_hugging_face(tiny_checkpoint, tmp_path / "hf")
    read = load_checkpoint(tmp_path / "hf")
    assert same(tiny_checkpoint, read)
    assert read.made_by["layout"] == "huggingface"


def test_mobile_sams_file_is_recognised_and_its_classifier_dropped(tmp_path: Path) -> None:
    model = Sam(MOBILE_SAM)
    state = dict(model.state_dict())
    state["image_encoder.norm_head.weight"] = torch.ones(320)
    state["image_encoder.norm_head.bias"] = torch.ones(320)
    state["image_encoder.head.weight"] = torch.ones(1000, 320)
    state["image_encoder.head.bias"] = torch.ones(1000)
    torch.save(state, tmp_path / "mobile_sam.pt")
    read = load_checkpoint(tmp_path / "mobile_sam.pt")
    assert read.config == MOBILE_SAM
    read.build().load_state_dict(model.state_dict(), strict=True)
    with pytest.raises(LayoutError, match="TinyViT"):
        write_hugging_face(read, tmp_path / "hf")


def test_configs_survive_json(tiny_checkpoint: Checkpoint) -> None:
    for config in (MOBILE_SAM, tiny_checkpoint.sam_config):
        assert sam_from_json(json.loads(json.dumps(sam_to_json(config)))) == config


def drop(state: dict[str, Tensor]) -> None:
    del state["mask_decoder.iou_token.weight"]


def rename(state: dict[str, Tensor]) -> None:
    state["mask_decoder.iou_tokens"] = state["mask_decoder.iou_token.weight"]


def reshape(state: dict[str, Tensor]) -> None:
    state["prompt_encoder.no_mask_embed.weight"] = torch.ones(1, 3)


@pytest.mark.parametrize("spoil", [drop, rename, reshape])
def test_weights_that_dont_fit_are_refused_by_name(
    tiny_checkpoint: Checkpoint, spoil: Callable[[dict[str, Tensor]], None]
) -> None:
    state = dict(tiny_checkpoint.state)
    spoil(state)
    with pytest.raises(LayoutError, match=r"iou_token|no_mask_embed"):
        to_checkpoint(state, "spoilt", "", "spoilt.pth").build()


def test_weights_of_something_else_are_refused() -> None:
    with pytest.raises(LayoutError, match="conv1"):
        to_checkpoint({"conv1.weight": torch.ones(1)}, "resnet", "", "resnet.pth")


@pytest.mark.parametrize("weights", [None, 5, b"mobile-sam", ["mobile-sam"], {}])
def test_what_is_no_name_of_weights_is_refused(weights: Any) -> None:
    with pytest.raises(WeightsError, match="a row, a folder or a file, not by"):
        load_checkpoint(weights)


@pytest.mark.parametrize("end", ["", ".pth", "/a", "#ema", "\0"])
def test_names_that_no_file_can_have_are_refused_in_a_line(end: str) -> None:
    for load in (load_checkpoint, anymask.load):
        with pytest.raises(UnknownWeightsError) as refused:
            load("n" * 5000 + end)
        assert len(f"{refused.value}".splitlines()) == 1
        assert len(f"{refused.value}") < 400
    assert weights_sha256("n" * 5000 + end) is None


def test_names_and_places_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownWeightsError, match="mobile-sam"):
        load_checkpoint("mobil-sam")
    with pytest.raises(UnknownWeightsError, match=r"nowhere\.pth"):
        load_checkpoint(tmp_path / "nowhere.pth")
    with pytest.raises(LayoutError, match="holds no checkpoint"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", '{"anymask": 1}', '{"anymask": 1, "name": "x", "config": {}, "made_by": {}}']
)
def test_a_damaged_config_is_refused(
    tmp_path: Path, tiny_checkpoint: Checkpoint, text: str
) -> None:
    tiny_checkpoint.save(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises((CorruptFileError, LayoutError), match=r"config|no SAM"):
        load_checkpoint(tmp_path)


def test_a_newer_format_says_so(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    tiny_checkpoint.save(tmp_path)
    (tmp_path / "config.json").write_text('{"anymask": 99}')
    with pytest.raises(LayoutError, match="newer"):
        load_checkpoint(tmp_path)


def test_a_truncated_onnx_file_is_refused(tmp_path: Path) -> None:
    for name in ("encoder.onnx", "sam.onnx"):
        (tmp_path / name).write_bytes(b"\x08\x07\x12\x07pytorch\x3a\xff\xff")
    with pytest.raises(CorruptFileError, match=r"encoder\.onnx"):
        load_checkpoint(tmp_path)


def test_a_folder_that_cant_be_written_is_named(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        tiny_checkpoint.save(tmp_path / "file" / "run")

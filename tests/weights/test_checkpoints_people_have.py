"""Checkpoints as trainers leave them: wrapped, prefixed, in halves, beside averages and numbers."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from anymask.errors import CorruptFileError, LayoutError, UnsafeFileError
from anymask.models.sam import MOBILE_SAM, Sam
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.convert import write_hugging_face
from anymask.weights.load import load_checkpoint
from anymask.weights.named_tensors import MAE_ROOTS
from anymask.weights.parameter_names import to_hugging_face
from anymask.weights.state_file import read_state, write_safetensors

State = dict[str, Tensor]
LAYOUTS = ("official", "huggingface", "mobile-sam")


def state_of(layout: str, tiny: Checkpoint) -> State:
    """A small model under the names of a layout."""
    if layout == "huggingface":
        return to_hugging_face(dict(tiny.state), tiny.sam_config)
    return dict(tiny.state) if layout == "official" else dict(Sam(MOBILE_SAM).state_dict())


def prefixed(state: State, prefix: str) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def same(read: Checkpoint, state: State, layout: str) -> bool:
    """Whether a checkpoint is a model, whatever its layout, and can be built."""
    read.build()
    return read.made_by["layout"] == layout and len(read.state) in (len(state), len(state) - 1)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "prefix",
    [
        "module.", "_orig_mod.", "model.", "sam.", "net.", "module._orig_mod.", "_orig_mod.module.",
        "model.module.", "module.model.sam.", "network.student.", "model._orig_mod.",
    ],
)  # fmt: skip
def test_prefixes_on_all_names(
    tmp_path: Path, tiny_checkpoint: Checkpoint, layout: str, prefix: str
) -> None:
    state = state_of(layout, tiny_checkpoint)
    torch.save(prefixed(state, prefix), tmp_path / "x.pth")
    assert same(load_checkpoint(tmp_path / "x.pth"), state, layout)


def lightning(state: State) -> dict[str, Any]:
    return {
        "epoch": 3,
        "global_step": 99,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": OrderedDict(prefixed(state, "model.")),
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.9)}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []}],
        "lr_schedulers": [],
        "hyper_parameters": {"lr": 1e-4},
    }


WRAPPED: dict[str, Callable[[State], Any]] = {
    "model": lambda state: {"model": state, "optimizer": {"state": {}}, "epoch": 3},
    "state_dict": lambda state: {"state_dict": state, "args": {"lr": 0.1}},
    "model_state_dict": lambda state: {"model_state_dict": state, "loss": torch.tensor(0.5)},
    "ema": lambda state: {"ema": state, "step": 7},
    "anything": lambda state: {"generator_weights": state},
    "nested": lambda state: {"checkpoint": {"model": prefixed(state, "module.")}, "epoch": 1},
    "lightning": lightning,
    "flat, beside numbers": lambda state: {**state, "epoch": 3, "best": 0.9, "name": "x"},
    "average": lambda state: {"n_averaged": torch.tensor(5), **prefixed(state, "module.")},
    "parameters": lambda state: {
        k: nn.Parameter(v, v.is_floating_point()) for k, v in state.items()
    },
    "module by module": lambda state: {
        root: {k.partition(".")[2]: v for k, v in state.items() if k.startswith(f"{root}.")}
        for root in dict.fromkeys(name.partition(".")[0] for name in state)
    },
    "within": lambda state: {
        k.replace("encoder.", "encoder.module.", 1): v for k, v in state.items()
    },
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("layout", ["official", "huggingface"])
def test_wrappers(
    tmp_path: Path, tiny_checkpoint: Checkpoint, layout: str, wrap: Callable[[State], Any]
) -> None:
    state = state_of(layout, tiny_checkpoint)
    torch.save(wrap(state), tmp_path / "x.pth")
    assert same(load_checkpoint(tmp_path / "x.pth"), state, layout)


@pytest.mark.parametrize("name", ["x.ckpt", "x.bin", "x.pth.tar", "x.PT", "x", "x.safetensors"])
@pytest.mark.parametrize("zipped", [True, False])
def test_endings_of_pytorch_files_say_nothing(
    tmp_path: Path, tiny_checkpoint: Checkpoint, name: str, zipped: bool
) -> None:
    state = dict(tiny_checkpoint.state)
    torch.save({"model": state}, tmp_path / name, _use_new_zipfile_serialization=zipped)
    read = load_checkpoint(tmp_path / name)
    assert same(read, state, "official")
    assert read.name == "x"


def test_a_safetensors_file_may_have_any_ending(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    state = dict(tiny_checkpoint.state)
    write_safetensors(prefixed(state, "module."), tmp_path / "x.pth")
    assert same(load_checkpoint(tmp_path / "x.pth"), state, "official")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_numbers_become_float32(
    tmp_path: Path, tiny_checkpoint: Checkpoint, dtype: torch.dtype
) -> None:
    torch.save({k: v.to(dtype) for k, v in tiny_checkpoint.state.items()}, tmp_path / "x.pth")
    read = load_checkpoint(tmp_path / "x.pth")
    for name, tensor in read.state.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, tiny_checkpoint.state[name].to(dtype).float())
    read.build()


def test_quantised_weights_are_refused(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    torch.save({k: v.to(torch.int8) for k, v in tiny_checkpoint.state.items()}, tmp_path / "x.pth")
    with pytest.raises(LayoutError, match=r"quantised: .* is of torch\.int8"):
        load_checkpoint(tmp_path / "x.pth")


def two_models(tiny: Checkpoint) -> dict[str, Any]:
    state = dict(tiny.state)
    return {"model": state, "ema": {name: tensor * 0.9 for name, tensor in state.items()}}


def test_of_two_models_none_is_taken_without_a_word(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    path = tmp_path / "x.pth"
    torch.save(two_models(tiny_checkpoint), path)
    with pytest.raises(LayoutError, match=r"2 models: model, ema; say which, as in .*x\.pth#ema"):
        load_checkpoint(path)
    model, ema = (load_checkpoint(f"{path}#{part}") for part in ("model", "ema"))
    name = "mask_decoder.iou_token.weight"
    assert torch.equal(ema.state[name], model.state[name] * 0.9)
    assert ema.name == "x-ema"
    assert ema.sha256 != model.sha256
    with pytest.raises(LayoutError, match="no model 'emma'; it has model, ema"):
        load_checkpoint(f"{path}#emma")


def test_two_prefixes_are_two_models_unless_they_are_one(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    path, state = tmp_path / "x.ckpt", dict(tiny_checkpoint.state)
    once = {**prefixed(state, "model."), **prefixed(state, "net.")}  # one module by two names
    torch.save({"state_dict": once}, path)
    assert same(load_checkpoint(path), state, "official")
    teacher = {name: tensor + 1 for name, tensor in state.items()}
    torch.save({"state_dict": {**state, **prefixed(teacher, "teacher.")}}, path)
    with pytest.raises(LayoutError, match=r"2 models: state_dict, state_dict\.teacher"):
        load_checkpoint(path)
    assert same(load_checkpoint(f"{path}#state_dict.teacher"), state, "official")


def test_a_file_whose_name_has_the_sign_of_a_choice_is_itself(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    torch.save(dict(tiny_checkpoint.state), tmp_path / "run#2.pth")
    assert load_checkpoint(tmp_path / "run#2.pth").name == "run#2"


def test_tensors_of_others_are_left_out_and_named(
    tmp_path: Path, tiny_checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    state = prefixed(dict(tiny_checkpoint.state), "model.")
    state |= {f"criterion.weight{i}": torch.ones(2) for i in range(9)}
    torch.save({"state_dict": state}, tmp_path / "x.ckpt")
    with caplog.at_level(logging.WARNING, logger="anymask"):
        read = load_checkpoint(tmp_path / "x.ckpt")
    assert "left out 9 tensors" in caplog.text
    assert "criterion.weight0" in caplog.text
    assert "criterion.weight8" not in caplog.text
    assert len(read.made_by["left_out"]) == 9


def test_an_average_of_a_part_is_named(
    tmp_path: Path, tiny_checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    state = dict(tiny_checkpoint.state)
    decoder = {name: tensor for name, tensor in state.items() if name.startswith("mask_decoder.")}
    torch.save({"model": state, "ema": decoder}, tmp_path / "x.pth")
    assert same(load_checkpoint(tmp_path / "x.pth"), state, "official")
    assert f"left out {len(decoder)} tensors that are none of the model's: ema.mask_" in caplog.text


@pytest.mark.parametrize("layout", ["official", "huggingface"])
def test_how_pixels_are_normalised_is_kept(
    tmp_path: Path, tiny_checkpoint: Checkpoint, layout: str
) -> None:
    state = state_of(layout, tiny_checkpoint)
    state["pixel_mean"] = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    state["pixel_std"] = torch.tensor([58.395, 57.12, 57.375]).view(-1, 1, 1)
    torch.save(state, tmp_path / "x.pth")
    assert load_checkpoint(tmp_path / "x.pth").config == tiny_checkpoint.config
    state["pixel_mean"] = torch.tensor([10.0, 20.0, 30.0]).view(3, 1, 1)
    torch.save(state, tmp_path / "x.pth")
    assert load_checkpoint(tmp_path / "x.pth").sam_config.pixel_mean == (10, 20, 30)
    state["pixel_mean"] = torch.tensor([0.485, 0.456, 0.406])
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(LayoutError, match="not of pixels of 0 to 255"):
        load_checkpoint(tmp_path / "x.pth")


def test_counts_that_profilers_leave_are_dropped(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    state = dict(tiny_checkpoint.state)
    state["image_encoder.neck.0.total_ops"] = torch.zeros(1)
    state["image_encoder.neck.0.total_params"] = torch.zeros(1)
    torch.save(state, tmp_path / "x.pth")
    load_checkpoint(tmp_path / "x.pth").build()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_that_are_no_numbers_are_refused_by_name(
    tmp_path: Path, tiny_checkpoint: Checkpoint, number: float, dtype: torch.dtype
) -> None:
    state = {k: v.to(dtype, copy=True) for k, v in tiny_checkpoint.state.items()}
    state["mask_decoder.iou_token.weight"][0, 3] = number
    said = r"1 of 64 numbers of mask_decoder\.iou_token\.weight are NaN or infinite"
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(CorruptFileError, match=said):
        load_checkpoint(tmp_path / "x.pth")
    replace(tiny_checkpoint, state=state).save(tmp_path / "ours")
    with pytest.raises(CorruptFileError, match=said):
        load_checkpoint(tmp_path / "ours")


def test_large_numbers_are_numbers(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    state = {k: v.half() for k, v in tiny_checkpoint.state.items()}
    state["mask_decoder.iou_token.weight"] = torch.full((1, 64), 60000, dtype=torch.float16)
    torch.save(state, tmp_path / "x.pth")
    load_checkpoint(tmp_path / "x.pth").build()


NUMPY_VALUES = (
    np.float64(0.9), np.float32(0.9), np.int64(3), np.bool_(True), np.arange(3.0),
    np.array(["a", "b"]), np.dtype("float32"),
)  # fmt: skip


@pytest.mark.parametrize("value", NUMPY_VALUES, ids=lambda value: str(type(value).__name__))
@pytest.mark.parametrize("zipped", [True, False])
def test_numbers_of_numpy_beside_weights_do_no_harm(
    tmp_path: Path, tiny_checkpoint: Checkpoint, value: Any, zipped: bool
) -> None:
    state = dict(tiny_checkpoint.state)
    content = {"model": state, "best_iou": value, "history": [{"iou": value}]}
    torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    assert same(load_checkpoint(tmp_path / "x.pth"), state, "official")


class Settings:
    """A class of somebody's own."""


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (argparse.Namespace(of=Settings()), f"holds more than tensors: {__name__}.Settings. "),
        (Settings(), f"{__name__}.Settings"),
        (np.random.default_rng(0), "numpy.random"),
    ],
    ids=["Namespace", "class", "generator"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_not_loaded_is_named_with_what_to_do(
    tmp_path: Path, tiny_checkpoint: Checkpoint, value: Any, name: str, zipped: bool
) -> None:
    path = tmp_path / "x.pth"
    content = {"epoch": 1, "state_dict": dict(tiny_checkpoint.state), "args": value}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeFileError, match="more than tensors") as refused:
        load_checkpoint(path)
    said = str(refused.value)
    assert name in said
    assert "\x1b" not in said
    assert "\n" not in said
    assert "add_safe_globals" not in said
    code = said.rpartition("with Python: ")[2].replace("'weights.pth'", repr(f"{tmp_path}/w.pth"))
    exec(code)
    assert same(load_checkpoint(tmp_path / "w.pth"), dict(tiny_checkpoint.state), "official")


def test_a_whole_model_that_was_pickled_is_named(tmp_path: Path, tiny_model: Sam) -> None:
    torch.save(tiny_model, tmp_path / "x.pth")
    with pytest.raises(UnsafeFileError, match=r"anymask\.models\.sam\.Sam") as refused:
        load_checkpoint(tmp_path / "x.pth")
    assert ".state_dict()" in str(refused.value)


def test_a_pickle_of_a_newer_protocol_is_explained(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    torch.save({"model": dict(tiny_checkpoint.state)}, tmp_path / "x.pth", pickle_protocol=4)
    with pytest.raises(CorruptFileError, match="newer protocol") as refused:
        load_checkpoint(tmp_path / "x.pth")
    assert "['model']" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "is a web page"),
        (b"\n<html lang=en><head>", "is a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML document"),
        (b'{"error": "Repository not found"}', "is JSON"),
        (b"Not Found", "other text: 'Not Found'"),
        (b"\0" * 4096, "zeros alone"),
        (b"\x1f\x8b\x08\0\0", "gzip"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (bytes(range(200, 250)), "other data"),
    ],
)
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors", "x"])
def test_files_of_other_kinds_are_named_for_what_they_are(
    tmp_path: Path, content: bytes, said: str, name: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorruptFileError, match=said):
        load_checkpoint(tmp_path / name)


def test_zip_files_of_others_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.ones(2))
    with pytest.raises(CorruptFileError, match=r"no PyTorch checkpoint: it holds a\.npy"):
        load_checkpoint(tmp_path / "x.npz")
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "x.pt")
    with pytest.raises(UnsafeFileError, match="TorchScript"):
        load_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: {k: v for k, v in s.items() if k.startswith("mask_decoder")},
         "a mask decoder, but no whole SAM"),
        (lambda s: {k.replace("image_encoder.blocks", "image_encoder.trunk.blocks"): v
                    for k, v in s.items()}, "SAM 2"),
        (lambda s: {f"image_encoder.blocks.{i}.attn.qkv.linear_a_q.weight": torch.ones(4, 32)
                    for i in range(12)}, "LoRA's"),
        (lambda s: {f"w_a_{i:03d}": torch.ones(2) for i in range(24)}, "LoRA's"),
        (lambda s: {f"base_model.model.vision_encoder.layers.{i}.attn.qkv.lora_A.weight":
                    torch.ones(2) for i in range(24)}, "LoRA's"),
        (lambda s: s | {f"mask_decoder.hf_mlp.layers.{i}.weight": torch.ones(2) for i in range(9)},
         "SAM-HQ's"),
        (lambda s: s | {f"image_encoder.blocks.{i}.MLP_Adapter.D_fc1.weight": torch.ones(2)
                        for i in range(40)}, "an adapter's"),
        (lambda s: {k: v for k, v in s.items() if "positional_encoding" not in k},
         r"1 of \d+ tensors are missing \(prompt_encoder\.pe_layer"),
    ],
)  # fmt: skip
def test_derivatives_are_refused_in_a_line(
    tmp_path: Path, tiny_checkpoint: Checkpoint, change: Callable[[State], State], said: str
) -> None:
    torch.save(change(dict(tiny_checkpoint.state)), tmp_path / "x.pth")
    with pytest.raises(LayoutError, match=said) as refused:
        load_checkpoint(tmp_path / "x.pth").build()
    assert "x" in str(refused.value)
    assert len(str(refused.value)) < 600


def test_hugging_face_folders_of_other_files(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    write_hugging_face(tiny_checkpoint, tmp_path / "hf")
    whole = read_state(tmp_path / "hf" / "model.safetensors").tensors
    for name in ("bin", "spread"):
        shutil.copytree(tmp_path / "hf", tmp_path / name)
        (tmp_path / name / "model.safetensors").unlink()
    torch.save(whole, tmp_path / "bin" / "pytorch_model.bin")
    assert same(load_checkpoint(tmp_path / "bin"), whole, "huggingface")
    names = list(whole)
    halves = {"model-1.safetensors": names[:40], "model-2.safetensors": names[40:]}
    for file, half in halves.items():
        write_safetensors({name: whole[name] for name in half}, tmp_path / "spread" / file)
    index = {"weight_map": {name: file for file, half in halves.items() for name in half}}
    (tmp_path / "spread" / "model.safetensors.index.json").write_text(json.dumps(index))
    assert same(load_checkpoint(tmp_path / "spread"), whole, "huggingface")
    (tmp_path / "spread" / "model-2.safetensors").unlink()
    with pytest.raises(CorruptFileError, match=r"lacks model-2\.safetensors"):
        load_checkpoint(tmp_path / "spread")


def test_folders_say_what_to_name_instead(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    tiny_checkpoint.save(tmp_path / "run" / "best")
    with pytest.raises(LayoutError, match=r"its weights are .*run/best"):
        load_checkpoint(tmp_path / "run")
    (tmp_path / "lightning").mkdir()
    (tmp_path / "lightning" / "last.ckpt").write_bytes(b"x")
    with pytest.raises(LayoutError, match=r"name one of its files, last\.ckpt"):
        load_checkpoint(tmp_path / "lightning")


def test_maes_are_found_in_wrappers_too(tmp_path: Path) -> None:
    state = {
        "patch_embed.proj.weight": torch.ones(4, 3, 2, 2),
        "blocks.0.norm1.bias": torch.ones(4),
    }
    torch.save({"model": prefixed(state, "module.encoder."), "epoch": 1}, tmp_path / "mae.pth")
    assert read_state(tmp_path / "mae.pth", MAE_ROOTS).tensors.keys() == state.keys()

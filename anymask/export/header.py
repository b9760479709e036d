"""Header: what ``export.json`` says of an export, and the metadata of each of its graphs."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx

from anymask.weights.checkpoint import Checkpoint
from anymask.weights.graph_pair import FORMAT

PACKAGES = ("anymask", "torch", "onnx", "onnxscript", "onnxruntime")


def export_header(
    checkpoint: Checkpoint, dtype: str, single_mask: bool, opset: int
) -> dict[str, Any]:
    """What ``export.json`` says, and the metadata of each graph, but for parity and files."""
    config = checkpoint.sam_config
    encoder = config.encoder
    return {
        "anymask_export": FORMAT,
        "name": checkpoint.name,
        "model": checkpoint.model_id,
        "weights_sha256": checkpoint.sha256,
        "dtype": dtype,
        "single_mask": single_mask,
        "input_px": encoder.image_px,
        "embedding_shape": [config.decoder.width, encoder.grid, encoder.grid],
        "mask_side": 4 * encoder.grid,
        "resize": "longest_side",
        "pixel_mean": list(config.pixel_mean),
        "pixel_std": list(config.pixel_std),
        "everything": dict(checkpoint.everything),
        **({} if config.text is None else {"text": asdict(config.text)}),
        "opset": opset,
        "versions": {name: version(name) for name in PACKAGES},
        "files": {},
    }


def label(path: Path, header: dict[str, Any]) -> None:
    """Put the metadata into a graph's file, for those who come across it without its folder."""
    model = onnx.load(path)
    entry = model.metadata_props.add()
    entry.key = "anymask"
    entry.value = json.dumps({key: value for key, value in header.items() if key != "files"})
    onnx.save(model, path)

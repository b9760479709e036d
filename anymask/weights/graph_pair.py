"""Graph pair: an image encoder and a prompt decoder as ONNX graphs, and how to use each kind.

Three kinds are known: what ``anymask export onnx`` writes, the pair that the official export script
and MobileSAM's make (one prompt a run), and SAM 2's image model. No deep-learning library is
imported here: ``predict.onnx_runtime`` runs the graphs, and a machine without torch can.

Shape legend: P prompts, N points, C channels, h w grid, S side of the model's input.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from anymask.core.calibration import read_thresholds
from anymask.core.embedding import model_id
from anymask.errors import CorruptFileError, LayoutError
from anymask.weights import registry
from anymask.weights.adapters.official_decoder import KNOWN, Inside
from anymask.weights.fetch import fetch_row, joined_sha256, sha256_of
from anymask.weights.registry import OFFICIAL_PAIR, SAM2_PAIR, Row

# 1: no MASK_FILE; 2: less prepared; 3: no ENCODER_TENSORS_FILE; 4: no DECODER_TENSORS_FILE; 5: only
# the upscaling's tensors, and attend.onnx, which ends before that.
EXPORT_FILE, FORMAT = "export.json", 6
ENCODER_FILE, DECODER_FILE, LOW_RES_FILE = "encoder.onnx", "decoder.onnx", "decoder_low_res.onnx"
PREPARE_FILE, MASK_FILE, CLICK_FILE = "prepare.onnx", "mask.onnx", "click.onnx"
RUN_FILES = (ENCODER_FILE, PREPARE_FILE, MASK_FILE, CLICK_FILE)  # what we run of an export
# What browsers multiply by instead of running ENCODER_FILE or the other graphs, where they have
# kernels of ours for it.
ENCODER_TENSORS_FILE, DECODER_TENSORS_FILE = "encoder.safetensors", "decoder.safetensors"
KERNEL_FILES = (ENCODER_TENSORS_FILE, DECODER_TENSORS_FILE)
PAGE_FILES = (*RUN_FILES, *KERNEL_FILES)
# What decoders that look twice at masks expected before: everything-mode's thresholds are of those.
FIRST_IOU = "first_iou_predictions"
UNMASKED = "_unmasked"  # after the name of what PREPARE_FILE gives: that is what MASK_FILE takes
OFFICIAL_FILES = ("encoder.onnx", "sam.onnx")
OFFICIAL_OUTPUTS = ("low_res_masks", "iou_predictions")
SAM_MEAN, SAM_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

Progress = Callable[[int, int], None]


class Together(Enum):
    """Which prompts a decoder takes in one run: any, those of equal length, or one."""

    any = "any"
    alike = "alike"
    one = "one"


@dataclass(frozen=True)
class GraphPair:
    """Two graphs and all that is needed to use them.

    name, model_id, dtype_name, everything: as ``predict.promptable.Promptable`` has them.
    arrays: for each array of an embedding the encoder's output, which is the decoder's input too.
    shapes: of the arrays, (C, h, w). stretch: how images get into the (S, S) input.
    pixel_mean, pixel_std: of red, green and blue, 0 to 255.
    logits, predicted_iou: outputs of the decoder, (P, T, 4h, 4w) and (P, T).
    single_mask: T is 1. together: which prompts may share a run. prepare: the graph that makes of
    an embedding what the decoder takes, where there is one; mask: the one that makes of that and a
    mask the same again (None: ``prepare`` takes masks). inside: what else the decoder's file can
    answer with; adapter: with what that is looked at twice. text_width, text_space: as of
    ``Promptable``.
    """

    name: str
    model_id: str
    dtype_name: str
    encoder: Path
    decoder: Path
    input_px: int
    mask_side: int
    arrays: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    stretch: bool = False
    single_mask: bool = False
    pixel_mean: tuple[float, ...] = SAM_MEAN
    pixel_std: tuple[float, ...] = SAM_STD
    logits: str = OFFICIAL_OUTPUTS[0]
    predicted_iou: str = OFFICIAL_OUTPUTS[1]
    together: Together = Together.any
    prepare: Path | None = None
    mask: Path | None = None
    inside: Inside | None = None
    adapter: Path | None = None
    everything: Mapping[str, float] = field(default_factory=dict)
    text_width: int = 0
    text_space: str = ""


def find_graph_pair(
    weights: str | Path, *, offline: bool | None = None, on_progress: Progress | None = None
) -> GraphPair | None:
    """The pair that weights are, fetched if need be; None if they are none or unknown.

    weights: the folder of an export or of an official pair, or the name of a registry row that
    consists of graphs. Raises ``WeightsError``.
    """
    path = Path(weights)
    if os.path.isdir(path):
        return _in_folder(path)
    row = next((row for row in registry.ROWS if row.name == str(weights)), None)
    if row is None or os.path.isfile(path) or row.layout not in (OFFICIAL_PAIR, SAM2_PAIR):
        return None
    encoder, decoder = fetch_row(row, offline=offline, on_progress=on_progress).values()
    if row.layout == SAM2_PAIR:
        return _sam2(row, encoder, decoder)
    return _official(row.name, encoder, decoder, row.adapter_file)


def is_runnable_only(weights: str | Path) -> bool:
    """Whether weights are graphs to run from which no checkpoint can be read."""
    if os.path.isdir(weights):
        return is_export(Path(weights))
    rows = {row.name for row in registry.ROWS if row.layout == SAM2_PAIR}
    return str(weights) in rows and not os.path.isfile(weights)


def is_export(folder: Path) -> bool:
    """Whether ``anymask export onnx`` wrote the folder."""
    return (folder / EXPORT_FILE).is_file()


def official_files(folder: Path) -> tuple[Path, Path] | None:
    """Encoder and decoder of a folder that holds an official pair; None of any other."""
    encoder, decoder = (folder / name for name in OFFICIAL_FILES)
    return (encoder, decoder) if encoder.is_file() and decoder.is_file() else None


def pair_hash(encoder: Path, decoder: Path) -> str:
    """The sha256 that stands for both files together."""
    return joined_sha256(sha256_of(encoder), sha256_of(decoder))


def _in_folder(folder: Path) -> GraphPair | None:
    if is_export(folder):
        return read_export(folder)
    files = official_files(folder)
    return None if files is None else _official(folder.name, *files)


def read_export(folder: Path) -> GraphPair:
    """The pair in a folder that ``anymask export onnx`` wrote; its files are proved.

    Raises ``CorruptFileError`` for a file that is missing or other than it was written, and
    ``LayoutError`` for a folder of a newer version.
    """
    path = folder / EXPORT_FILE
    try:
        header = json.loads(path.read_text())
        if header["anymask_export"] > FORMAT:
            raise LayoutError(f"{folder} was exported by a newer anymask; please update")
        pair = pair_of_export(header, folder)
        names = [name for name in RUN_FILES if name != MASK_FILE or pair.mask is not None]
        names += [name for name in KERNEL_FILES if name in header["files"]]
        sums = {name: str(header["files"][name]["sha256"]) for name in names}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptFileError(f"{path} is damaged: {error!r}") from None
    for name, sha256 in sums.items():
        if not (folder / name).is_file():
            raise CorruptFileError(f"{folder} has an {EXPORT_FILE} but no {name}")
        if sha256_of(folder / name) != sha256:
            raise CorruptFileError(f"{folder / name} is damaged: its sha256 is not {sha256}")
    return pair


def pair_of_export(header: dict[str, Any], folder: Path) -> GraphPair:
    """The pair in a folder, from what its ``export.json`` says.

    Raises ``ValueError``, ``KeyError`` or ``TypeError`` for other content.
    """
    shape = tuple(int(side) for side in header["embedding_shape"])
    text = header.get("text") or {"width": 0, "space": ""}
    if header["resize"] not in ("longest_side", "stretch") or len(shape) != 3:
        raise ValueError(f"resize {header['resize']!r}, embedding_shape {shape}")
    return GraphPair(
        name=str(header["name"]),
        model_id=str(header["model"]),
        dtype_name=str(header["dtype"]),
        encoder=folder / ENCODER_FILE,
        decoder=folder / CLICK_FILE,
        prepare=folder / PREPARE_FILE,
        mask=folder / MASK_FILE if header["anymask_export"] > 1 else None,
        input_px=int(header["input_px"]),
        mask_side=int(header["mask_side"]),
        arrays={"image_embed": "image_embeddings"},
        shapes={"image_embed": shape},
        stretch=header["resize"] == "stretch",
        pixel_mean=tuple(float(value) for value in header["pixel_mean"]),
        pixel_std=tuple(float(value) for value in header["pixel_std"]),
        everything=read_thresholds(header.get("everything")),
        text_width=int(text["width"]),
        text_space=str(text["space"]),
    )


def _official(
    name: str, encoder: Path, decoder: Path, adapter: Path | None = None
) -> GraphPair | None:
    """An official pair. Its embeddings are those of the weights inside, and so is its id.

    None for an adapter to a decoder of which nobody knows the inside.
    """
    of_decoder = sha256_of(decoder)
    sha256, inside = joined_sha256(sha256_of(encoder), of_decoder), KNOWN.get(of_decoder)
    if adapter is not None:
        if inside is None:
            return None
        sha256 = joined_sha256(sha256, sha256_of(adapter))
    outputs = (inside.logits, inside.predicted_iou) if inside else OFFICIAL_OUTPUTS
    return GraphPair(
        name=name,
        model_id=model_id(name, sha256),
        dtype_name="float32",
        encoder=encoder,
        decoder=decoder,
        input_px=1024,
        mask_side=256,
        arrays={"image_embed": "image_embeddings"},
        shapes={"image_embed": (256, 64, 64)},
        together=Together.one,
        logits=outputs[0],
        predicted_iou=outputs[1],
        inside=inside,
        adapter=adapter,
    )


def _sam2(row: Row, encoder: Path, decoder: Path) -> GraphPair:
    """SAM 2's image model: three levels of features; ImageNet's mean and deviation."""
    shapes = {
        "image_embed": (256, 64, 64),
        "high_res_feats_0": (32, 256, 256),
        "high_res_feats_1": (64, 128, 128),
    }
    return GraphPair(
        name=row.name,
        model_id=model_id(row.name, "".join(file.sha256[:8] for file in row.files)),
        dtype_name="float32",
        encoder=encoder,
        decoder=decoder,
        input_px=1024,
        mask_side=256,
        arrays={name: name for name in shapes},
        shapes=shapes,
        stretch=True,
        pixel_mean=tuple(255 * value for value in (0.485, 0.456, 0.406)),
        pixel_std=tuple(255 * value for value in (0.229, 0.224, 0.225)),
        logits="masks",
        together=Together.alike,
    )

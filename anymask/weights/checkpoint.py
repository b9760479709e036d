"""Checkpoint: a model's config, its weights, and what made it, in one folder.

``config.json`` holds the frozen dataclasses, field by field, the family of models they are of
unless it is SAM's (``weights.model_families``), and the provenance;
``model.safetensors`` the tensors under the official names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from anymask.core.atomic import make_folder, writing
from anymask.core.calibration import read_thresholds
from anymask.core.embedding import model_id
from anymask.core.json_object import read_object
from anymask.errors import CorruptFileError, LayoutError
from anymask.models.sam import Sam, SamConfig
from anymask.weights.derivatives import origin_of
from anymask.weights.fetch import sha256_of
from anymask.weights.file_kind import file_kind
from anymask.weights.model_families import FAMILIES, SAM, Model, ModelConfig, family_name
from anymask.weights.named_tensors import named
from anymask.weights.state_file import read_safetensors, write_safetensors

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Config and weights of one model.

    name: what to call it; sha256: of the file or files it was read from; made_by: anything that
    tells where it comes from (source, recipe, step, versions); everything: settings that training
    found to suit everything-mode with these weights (``core.calibration.suggested_thresholds``).
    """

    name: str
    config: ModelConfig
    state: Mapping[str, Tensor]
    sha256: str = ""
    made_by: Mapping[str, Any] = field(default_factory=dict)
    everything: Mapping[str, float] = field(default_factory=dict)

    @property
    def model_id(self) -> str:
        """Name and hash, as image embeddings carry it."""
        return model_id(self.name, self.sha256)

    def __repr__(self) -> str:
        numbers = sum(tensor.numel() for tensor in self.state.values())
        return f"Checkpoint({self.model_id}, {family_name(self.config)}, {numbers:,} numbers)"

    def build(self) -> Model:
        """The model with these weights, of the config's family, in evaluation mode.

        Raises ``LayoutError`` on a misfit.
        """
        with _Uninitialised():
            model = FAMILIES[family_name(self.config)].model(self.config)
        check_state(model, self.state, self.name)
        model.load_state_dict(dict(self.state), strict=True, assign=True)
        return model.eval()

    @property
    def sam_config(self) -> SamConfig:
        """The config of a model that answers prompts. Raises ``LayoutError`` for another family."""
        if not isinstance(self.config, SamConfig):
            raise LayoutError(
                f"{self.name} is of the family {family_name(self.config)}, which takes no prompts; "
                f"name weights of a SAM"
            )
        return self.config

    def build_sam(self) -> Sam:
        """``build`` of a model that answers prompts. Raises ``LayoutError`` for another family."""
        config = self.sam_config
        model = self.build()
        assert isinstance(model, Sam), config
        return model

    def save(self, folder: Path) -> None:
        """Write the folder; the config comes last, so a folder with one is whole."""
        make_folder(folder)
        write_safetensors(self.state, folder / WEIGHTS_FILE)
        with writing(folder / CONFIG_FILE) as part:
            part.write_text(json.dumps(self._header(), indent=2) + "\n")

    def _header(self) -> dict[str, Any]:
        family = family_name(self.config)
        return {
            "anymask": FORMAT,
            "name": self.name,
            **({} if family == SAM else {"family": family}),  # SAM's stay as they always were
            "config": FAMILIES[family].to_json(self.config),
            "everything": dict(self.everything),
            "made_by": dict(self.made_by),
        }


class _Uninitialised(TorchFunctionMode):
    """Build modules without the random numbers that loaded weights replace at once.

    For ViT-H these take seconds. The meta device would do as well, but its first use imports
    torch's compiler, which takes longer than a small model takes to load.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder's config is anymask's, not somebody else's of the same name."""
    return "anymask" in _read_header(folder)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a folder that ``Checkpoint.save`` wrote.

    Raises ``CorruptFileError`` for damage, and ``LayoutError`` for a newer version's or an unknown
    family's.
    """
    header = _read_header(folder)
    try:
        if header["anymask"] > FORMAT:
            raise LayoutError(f"{folder} was written by a newer anymask; please update")
        family = str(header.get("family", SAM))
        if family not in FAMILIES:
            raise LayoutError(
                f"{folder} holds a model of the family {family!r}, which this anymask does not "
                f"know; please update"
            )
        config = FAMILIES[family].from_json(header["config"])
        name, made_by = str(header["name"]), dict(header["made_by"])
        everything = read_thresholds(header.get("everything"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptFileError(f"{folder / CONFIG_FILE} is damaged: {error!r}") from None
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise CorruptFileError(f"{folder} has a {CONFIG_FILE} but no {WEIGHTS_FILE}")
    file_kind(weights)  # which says what it is if it is none of weights
    state = read_safetensors(weights)
    check_finite(state, str(weights))
    return Checkpoint(name, config, state, sha256_of(weights), made_by, everything)


def _read_header(folder: Path) -> dict[str, Any]:
    return read_object(folder / CONFIG_FILE, CorruptFileError)


def check_state(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Raise ``LayoutError`` unless names and shapes are exactly the model's.

    source: whose they are, for the message, which names a few of each kind and counts the others.
    """
    wanted = model.state_dict()
    missing = [name for name in wanted if name not in state]
    unknown = [name for name in state if name not in wanted]
    misshapen = [
        f"{name} is {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in state and state[name].shape != tensor.shape
    ]
    complaints = [
        f"{words} ({named(names)})"
        for names, words in (
            (missing, f"{len(missing)} of {len(wanted)} tensors are missing"),
            (unknown, f"{len(unknown)} are unknown"),
            (misshapen, f"{len(misshapen)} are of another shape"),
        )
        if names
    ]
    if complaints:
        raise LayoutError(
            f"the weights {source} don't fit the model: {', '.join(complaints)}{origin_of(unknown)}"
        )


def check_finite(state: Mapping[str, Tensor], source: str) -> None:
    """Raise ``CorruptFileError`` for a tensor that holds what is no number, or is infinite.

    A model with one answers every prompt with nonsense, or fails late.
    """
    for name, tensor in state.items():
        if tensor.is_floating_point() and not _is_finite(tensor):
            count = int((~torch.isfinite(tensor)).sum())
            raise CorruptFileError(
                f"{source} can't be used: {count} of {tensor.numel()} numbers of {name} are NaN or "
                f"infinite; the run that wrote it had diverged, or the file is damaged"
            )


def _is_finite(tensor: Tensor) -> bool:
    """Whether all numbers are: a sum is quicker than looking at each, and shows if one is not."""
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())

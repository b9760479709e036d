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

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from anymask.core.atomic import make_folder, writing
from anymask.core.calibration import read_thresholds
from anymask.core.embedding import model_id
from anymask.core.json_object import read_object
from anymask.errors import CorruptFileError, LayoutError
from anymask.weights.fetch import sha256_of
from anymask.weights.model_families import FAMILIES, SAM, Model, ModelConfig, family_name
from anymask.weights.state_file import read_state, write_safetensors

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
        check_state(model, self.state)
        model.load_state_dict(dict(self.state), strict=True, assign=True)
        return model.eval()

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
    return Checkpoint(name, config, read_state(weights), sha256_of(weights), made_by, everything)


def _read_header(folder: Path) -> dict[str, Any]:
    return read_object(folder / CONFIG_FILE, CorruptFileError)


def check_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Raise ``LayoutError`` unless names and shapes are exactly the model's."""
    wanted = model.state_dict()
    complaints = [f"{name} is missing" for name in wanted if name not in state]
    complaints += [f"{name} is unknown" for name in state if name not in wanted]
    complaints += [
        f"{name} is {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in state and state[name].shape != tensor.shape
    ]
    if complaints:
        shown = "; ".join(complaints[:5])
        raise LayoutError(f"the weights don't fit the model: {shown} ({len(complaints)} in all)")

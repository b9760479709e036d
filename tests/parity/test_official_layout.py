"""Official checkpoints: their names and shapes are ours, and what we write they load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from anymask.models.sam import SAM_VIT_B, SAM_VIT_H, SAM_VIT_L, Sam
from anymask.weights.convert import config_of, write_official
from anymask.weights.load import load_checkpoint
from tests.parity.twins import Twin, official_sam, segment_anything

CONFIGS = {"vit_b": SAM_VIT_B, "vit_l": SAM_VIT_L, "vit_h": SAM_VIT_H}
# Of the whole model and its image encoder, in millions.
MILLIONS = {"vit_b": (93.7, 89.7), "vit_l": (312.3, 308.3), "vit_h": (641.1, 637.0)}


def official_without_numbers(variant: str) -> Any:
    """The official model of that size, shapes only: ViT-H would take 2.5 GB."""
    with torch.device("meta"):
        return segment_anything.sam_model_registry[variant]()


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what a checkpoint of the model holds."""
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def millions(model: nn.Module) -> float:
    """Parameters, in millions to one decimal."""
    return round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1)


@pytest.mark.parametrize("variant", CONFIGS)
def test_names_and_shapes_are_the_official_ones(variant: str) -> None:
    with torch.device("meta"):
        ours = Sam(CONFIGS[variant])
    assert shapes(ours) == shapes(official_without_numbers(variant))


@pytest.mark.parametrize("variant", CONFIGS)
def test_the_config_is_read_off_official_shapes(variant: str) -> None:
    assert config_of(official_without_numbers(variant).state_dict()) == CONFIGS[variant]


@pytest.mark.parametrize("variant", CONFIGS)
def test_the_models_are_as_large_as_the_official_ones(variant: str) -> None:
    official = official_without_numbers(variant)
    with torch.device("meta"):
        ours = Sam(CONFIGS[variant])
    whole, encoder = MILLIONS[variant]
    assert millions(official) == millions(ours) == whole
    assert millions(official.image_encoder) == millions(ours.image_encoder) == encoder


@pytest.mark.parametrize("variant", CONFIGS)
def test_pixels_are_normalised_by_the_official_numbers(variant: str) -> None:
    official, config = official_without_numbers(variant), CONFIGS[variant]
    assert config.pixel_mean == pytest.approx(official.pixel_mean.flatten().tolist())
    assert config.pixel_std == pytest.approx(official.pixel_std.flatten().tolist())


def test_what_we_write_the_official_model_loads_strictly(twin: Twin, tmp_path: Path) -> None:
    write_official(twin.checkpoint, tmp_path / "twin.pth")
    state = torch.load(tmp_path / "twin.pth", weights_only=True)
    official = official_sam(twin.size)
    with torch.no_grad():
        for parameter in official.parameters():
            parameter.zero_()
    official.load_state_dict(state, strict=True)
    expected = twin.official.state_dict()
    assert expected.keys() == official.state_dict().keys()
    for name, tensor in official.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_what_the_official_model_saves_we_load(twin: Twin, tmp_path: Path) -> None:
    torch.save(twin.official.state_dict(), tmp_path / "sam_vit_x.pth")
    checkpoint = load_checkpoint(tmp_path / "sam_vit_x.pth")
    assert checkpoint.config == twin.checkpoint.config
    expected = twin.official.state_dict()
    assert checkpoint.state.keys() == expected.keys()
    for name, tensor in checkpoint.build().state_dict().items():
        assert torch.equal(tensor, expected[name]), name

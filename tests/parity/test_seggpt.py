"""``transformers.SegGptForImageSegmentation`` against ours, both ways.

Where its feature ensemble differs from the official code, ours is as the official one: at the block
where image and target are merged, theirs averages what several examples show of both together,
the official code of each apart. ``Official`` below puts that right in theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from anymask.errors import LayoutError
from anymask.models.seggpt import SegGPT, SegGPTConfig, painting_loss, query_half
from anymask.weights.checkpoint import Checkpoint, read_checkpoint
from anymask.weights.convert import to_checkpoint, write_hugging_face, write_official
from anymask.weights.load import load_checkpoint

transformers: Any = pytest.importorskip("transformers")

TOLERANCE = 1e-4
HALF_HW = (48, 64)
SIZE = {
    "hidden_size": 32,
    "num_hidden_layers": 12,
    "num_attention_heads": 2,
    "mlp_dim": 96,
    "image_size": [96, 64],
    "patch_size": 16,
    "pretrain_image_size": 80,
    "decoder_hidden_size": 8,
    "merge_index": 2,
    "intermediate_hidden_state_indices": [2, 5, 8, 11],
}


@dataclass(frozen=True)
class Twin:
    """The same weights in theirs and in ours."""

    theirs: Any
    checkpoint: Checkpoint
    ours: SegGPT


@pytest.fixture(scope="module")
def twin() -> Twin:
    torch.manual_seed(0)
    theirs = transformers.SegGptForImageSegmentation(transformers.SegGptConfig(**SIZE)).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    checkpoint = to_checkpoint(theirs.state_dict(), "twin", "0" * 64, "twin")
    ours = checkpoint.build()
    assert isinstance(ours, SegGPT)
    return Twin(theirs, checkpoint, ours)


def pictures(number: int, seed: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Example, its target, query and its target, (B, 3, H/2, W) each."""
    made = torch.Generator().manual_seed(seed)
    a, b, c, d = (torch.randn(number, 3, *HALF_HW, generator=made) for _ in range(4))
    return a, b, c, d


def paint(twin: Twin, parts: tuple[Tensor, ...], **given: Any) -> Tensor:
    example, painted, query, answer = parts
    image, target = torch.cat([example, query], 2), torch.cat([painted, answer], 2)
    out: Tensor = twin.ours(image, target, **given)
    return out


def theirs_paint(twin: Twin, parts: tuple[Tensor, ...], **given: Any) -> Any:
    example, painted, query, _ = parts
    shown = {"prompt_pixel_values": example, "prompt_masks": painted}
    return twin.theirs(pixel_values=query, **shown, **given)


@contextmanager
def official(theirs: Any) -> Iterator[None]:
    """Averages images and targets apart up to and with the merging, as the official code does."""
    layers = theirs.model.encoder.layers
    last, plain = SIZE["merge_index"], type(layers[0]).forward
    assert isinstance(last, int)

    def apart(hidden: Tensor, _: int, *rest: Any) -> Any:
        return plain(layers[last], hidden, 2, *rest)

    layers[last].forward = apart
    try:
        yield
    finally:
        del layers[last].forward


@pytest.mark.parametrize("is_instance", [True, False])
def test_what_is_painted(twin: Twin, is_instance: bool) -> None:
    parts = pictures(3)
    kind = "instance" if is_instance else "semantic"
    with torch.no_grad():
        expected = theirs_paint(twin, parts, embedding_type=kind).pred_masks
        painted = paint(twin, parts, is_instance=is_instance)
        of_query = paint(twin, parts, is_instance=is_instance, query_only=True)
    assert (painted - expected).abs().max() < TOLERANCE
    assert of_query.shape == (3, 3, *HALF_HW)
    assert (of_query - painted[:, :, HALF_HW[0] :]).abs().max() < 1e-5


def test_a_query_sees_nothing_of_its_answer(twin: Twin) -> None:
    example, painted, query, answer = pictures(1)
    with torch.no_grad():
        first = paint(twin, (example, painted, query, answer))
        other = paint(twin, (example, painted, query, torch.zeros_like(answer)))
    assert torch.equal(first, other)


def test_each_of_a_batch_has_its_own_kind(twin: Twin) -> None:
    parts = pictures(2)
    with torch.no_grad():
        both = paint(twin, parts, is_instance=torch.tensor([True, False]))
        apart = [
            paint(twin, tuple(part[[n]] for part in parts), is_instance=n == 0) for n in range(2)
        ]
    assert (both - torch.cat(apart)).abs().max() < 1e-5


def test_feature_ensemble_is_the_official_one(twin: Twin) -> None:
    example, painted, query, answer = pictures(3)
    parts = example, painted, query[:1].expand_as(query), answer
    with torch.no_grad():
        ours = paint(twin, parts, examples=3)
        with official(twin.theirs):
            expected = theirs_paint(twin, parts, feature_ensemble=True, embedding_type="instance")
        mixed = theirs_paint(twin, parts, feature_ensemble=True, embedding_type="instance")
    assert (ours - expected.pred_masks).abs().max() < TOLERANCE
    assert (ours - mixed.pred_masks).abs().max() > 10 * TOLERANCE  # the difference stated above
    lower = ours[:, :, HALF_HW[0] + 16 :]  # one patch off, where the convolution sees the examples
    assert (lower - lower[:1]).abs().max() < 1e-5


def test_two_queries_with_two_examples_each(twin: Twin) -> None:
    example, painted, query, answer = pictures(4)
    query = query[::2].repeat_interleave(2, 0)
    parts = example, painted, query, answer
    with torch.no_grad():
        together = paint(twin, parts, examples=2)
        apart = [paint(twin, tuple(p[n : n + 2] for p in parts), examples=2) for n in (0, 2)]
    assert (together - torch.cat(apart)).abs().max() < 1e-5


def test_loss_and_gradients(twin: Twin) -> None:
    example, painted, query, answer = parts = pictures(2)
    grid_hw = (6, 4)
    is_masked = torch.rand(2, *grid_hw, generator=torch.Generator().manual_seed(2)) < 0.5
    given = {"labels": answer, "bool_masked_pos": is_masked.flatten(1)}
    theirs = theirs_paint(twin, parts, embedding_type="semantic", **given).loss
    out = paint(twin, parts, is_masked=is_masked, is_instance=False)
    ours = painting_loss(out, torch.cat([painted, answer], 2), is_masked)
    assert abs(float(ours.detach() - theirs.detach())) < 1e-5
    twin.theirs.zero_grad()
    theirs.backward()
    ours.backward()
    gradients = {n: p.grad for n, p in twin.theirs.named_parameters() if p.grad is not None}
    expected = to_checkpoint(gradients | _unused(twin, gradients), "g", "", "g").state
    for name, parameter in twin.ours.named_parameters():
        if parameter.grad is not None:
            assert (parameter.grad - expected[name]).abs().max() < TOLERANCE, name
    twin.ours.zero_grad()
    assert example.grad is None
    assert query.grad is None


def _unused(twin: Twin, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
    """Zeros for what had no gradient: a type that was not asked for."""
    return {
        name: torch.zeros_like(parameter)
        for name, parameter in twin.theirs.named_parameters()
        if name not in gradients
    }


def test_checkpointing_changes_no_number(twin: Twin) -> None:
    parts = pictures(1)
    is_masked = query_half((6, 4))[None]
    grads = []
    for switch in (False, True):
        twin.ours.train().checkpointing = switch
        painting_loss(paint(twin, parts), torch.cat([parts[1], parts[3]], 2), is_masked).backward()
        grads.append([p.grad.clone() for p in twin.ours.parameters() if p.grad is not None])
        twin.ours.zero_grad()
    twin.ours.eval().checkpointing = False
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))


def test_nothing_masked_has_no_loss() -> None:
    picture = torch.zeros(1, 3, 32, 16)
    with pytest.raises(ValueError, match="no pixel"):
        painting_loss(picture, picture, torch.zeros(1, 2, 1, dtype=torch.bool))


def test_weights_go_to_hugging_face_and_back(twin: Twin, tmp_path: Path) -> None:
    write_hugging_face(twin.checkpoint, tmp_path / "hf")
    again = transformers.SegGptForImageSegmentation.from_pretrained(tmp_path / "hf").eval()
    parts = pictures(1)
    with torch.no_grad():
        first, second = (
            theirs_paint(Twin(model, twin.checkpoint, twin.ours), parts).pred_masks
            for model in (twin.theirs, again)
        )
    assert torch.equal(first, second)
    loaded = load_checkpoint(tmp_path / "hf")
    assert all(torch.equal(loaded.state[k], v) for k, v in twin.checkpoint.state.items())


def test_the_official_file_and_ours(twin: Twin, tmp_path: Path) -> None:
    write_official(twin.checkpoint, tmp_path / "seggpt.pth")
    raw = torch.load(tmp_path / "seggpt.pth", weights_only=True)["model"]
    assert {"blocks.0.mlp.fc1.weight", "segment_token_x", "decoder_pred.3.bias"} <= set(raw)
    loaded = load_checkpoint(tmp_path / "seggpt.pth")
    assert loaded.made_by["layout"] == "official"
    assert loaded.state.keys() == twin.checkpoint.state.keys()
    twin.checkpoint.save(tmp_path / "ours")
    assert read_checkpoint(tmp_path / "ours").config == twin.checkpoint.config
    missing = {k: v for k, v in raw.items() if k != "patch_embed.proj.weight"}
    with pytest.raises(LayoutError, match="incomplete: patch_embed"):
        to_checkpoint(missing, "m", "", "m")


def test_windows_have_no_place_in_their_layouts(twin: Twin, tmp_path: Path) -> None:
    config = twin.checkpoint.config
    assert isinstance(config, SegGPTConfig)
    of_windows = replace(config.vit, global_blocks=(), window=1)
    checkpoint = replace(twin.checkpoint, config=replace(config, vit=of_windows))
    with pytest.raises(LayoutError, match="windows of the picture"):
        write_official(checkpoint, tmp_path / "seggpt.pth")
    with pytest.raises(LayoutError, match="windows of the picture"):
        write_hugging_face(checkpoint, tmp_path / "hf")


def test_the_papers_size() -> None:
    with torch.device("meta"):
        model = SegGPT()
        painted = model(torch.empty(1, 3, 896, 448), torch.empty(1, 3, 896, 448))
    assert painted.shape == (1, 3, 896, 448)
    theirs = transformers.SegGptConfig()
    with torch.device("meta"):
        state = transformers.SegGptForImageSegmentation(theirs).state_dict()
    ours = to_shapes(state)
    assert ours == {name: tuple(p.shape) for name, p in model.state_dict().items()}


def to_shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Names of ours and shapes, of weights that have no numbers."""
    from anymask.weights.seggpt.layout import in_our_names

    renamed = in_our_names(state)
    assert renamed is not None
    return {name: tuple(tensor.shape) for name, tensor in renamed[0].items()}

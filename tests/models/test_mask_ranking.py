"""A second look at masks: what it reads, what it leaves alone, and that all paths agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from anymask import segment_everything
from anymask.core.prompts import Prompts
from anymask.core.second_look import SecondLook
from anymask.errors import CorruptFileError
from anymask.models.mask_ranking import CELL, COVERED_SCALE, MaskRanking, averaged, covers
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from anymask.predict.automatic import AutomaticConfig
from anymask.predict.predictor import Predictor
from anymask.weights.adapters.half_tensors import RANKING, read_ranking
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.state_file import write_safetensors
from tests.conftest import TINY, random_model

LOOKING = replace(TINY, decoder=replace(TINY.decoder, ranking=16))


def looking_model() -> Sam:
    """A model with a second look that has learned something, if nothing of use."""
    model = random_model(LOOKING).eval().requires_grad_(False)
    ranking = model.mask_decoder.ranking
    assert ranking is not None
    torch.nn.init.normal_(ranking.correction.weight, generator=torch.Generator().manual_seed(0))
    return model


def clicks(count: int) -> PromptBatch:
    side = float(TINY.encoder.image_px)
    points = torch.rand(count, 1, 2, generator=torch.Generator().manual_seed(1)) * side
    return PromptBatch(points, torch.ones(count, 1).long(), torch.zeros(count).long())


def test_what_a_mask_covers_is_averaged_over() -> None:
    """By hand: one mask covers the second of four positions whole, another half of the last."""
    logits = torch.full((1, 2, 2 * CELL, 2 * CELL), -40.0)
    logits[0, 0, :CELL, CELL:] = 40
    logits[0, 1, CELL:, CELL : CELL + 2] = 40
    covered = covers(logits)
    torch.testing.assert_close(covered, torch.tensor([[[0.0, 1, 0, 0], [0, 0, 0, 0.5]]]))
    seen = torch.tensor([[[1.0, 2], [3, 4], [5, 6], [7, 8]]])
    expected = torch.tensor([[[3.0, 4], [7, 8]]])
    torch.testing.assert_close(averaged(seen, covered), expected, atol=0.02, rtol=0.0)


def test_at_first_it_changes_nothing() -> None:
    ranking = MaskRanking(8, 4, 16)
    iou = torch.rand(5, 4)
    logits, seen = torch.randn(5, 3, 8, 8), ranking.see(torch.randn(1, 8, 2, 2))
    torch.testing.assert_close(ranking(torch.randn(5, 5, 8), iou, logits, seen), iou)


def test_clear_prompts_are_judged_as_before_and_masks_by_what_they_cover() -> None:
    model = looking_model()
    features = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(2))
    logits, iou = model.decode(features, clicks(3))
    plain = Sam(TINY).eval().requires_grad_(False)
    known = {k: v for k, v in model.state_dict().items() if ".ranking." not in k}
    plain.load_state_dict(known)
    logits_before, iou_before = plain.decode(features, clicks(3))
    torch.testing.assert_close(logits, logits_before)
    torch.testing.assert_close(iou[:, 0], iou_before[:, 0])
    assert ((iou - iou_before)[:, 1:].abs() > 1e-3).all()
    _, clear = model.decode(features, clicks(3), which=slice(0, 1))
    torch.testing.assert_close(clear, iou[:, :1])
    _, ambiguous = model.decode(features, clicks(3), which=slice(1, None))
    torch.testing.assert_close(ambiguous, iou[:, 1:])


def test_other_prompts_are_looked_at_once() -> None:
    """A box, two points, and a click with a mask: their IoUs are those of the decoder."""
    sam = Predictor(Checkpoint("looking", LOOKING, looking_model().state_dict()))
    embedding = sam.encode(np.zeros((90, 120, 3), np.uint8))
    click = Prompts.point(50, 40)
    mask = sam.predict(embedding, click).best().logits
    others = [
        Prompts.box(10, 10, 60, 70),
        click.with_points([[70, 20]], [0]),
        click.with_masks(mask),
    ]
    for prompts in (click, *others):
        found = sam.predict(embedding, prompts, True).predicted_iou
        first = sam.at_first_sight.predict(embedding, prompts, True).predicted_iou
        assert np.allclose(found, first) is (prompts is not click)
    together = sam.predict([embedding, embedding], [click, others[0]], True)
    alone = [sam.predict(embedding, prompts, True) for prompts in (click, others[0])]
    for one, other in zip(together, alone):
        np.testing.assert_allclose(one.predicted_iou, other.predicted_iou, atol=1e-4)


def test_what_is_kept_for_training_says_the_same() -> None:
    ranking = looking_model().mask_decoder.ranking
    assert ranking is not None
    tokens, iou, logits = torch.randn(3, 5, 64), torch.rand(3, 4), torch.randn(3, 3, 32, 32)
    features = torch.randn(1, 64, 8, 8)
    covered = averaged(features.flatten(2).mT, covers(logits))
    said = ranking(tokens, iou, logits, ranking.see(features))
    bias = ranking.of_covered.bias
    assert bias is None, "or a mask that covers nothing would be told it"
    torch.testing.assert_close(ranking.learned(tokens, iou, covered), said, atol=1e-4, rtol=1e-4)
    assert COVERED_SCALE > 1


def test_without_torch_it_says_the_same(tmp_path: Path) -> None:
    """In NumPy, from an adapter's file in float16."""
    ranking = looking_model().half().float().mask_decoder.ranking
    assert ranking is not None
    file = tmp_path / "adapter.safetensors"
    state = {RANKING + name: tensor.half() for name, tensor in ranking.state_dict().items()}
    write_safetensors(state | {"other": torch.zeros(3).half()}, file)
    again = SecondLook(read_ranking(file))
    tokens, iou, logits = torch.randn(3, 5, 64), torch.rand(3, 4), 9 * torch.randn(3, 4, 32, 32)
    features = torch.randn(64, 8, 8)
    expected = ranking(tokens, iou, logits[:, 1:], ranking.see(features[None]))
    found = again(*(tensor.numpy() for tensor in (tokens, iou, logits, features)))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4, rtol=1e-4)
    assert np.abs(found - iou.numpy()).max() > 0.1


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\x02" + bytes(7) + b"[]"])
def test_a_damaged_adapter_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "adapter.safetensors"
    file.write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"adapter\.safetensors is damaged"):
        read_ranking(file)


@pytest.mark.parametrize("few_rows", [False, True])
def test_an_image_that_many_share_is_judged_alike(few_rows: bool) -> None:
    model = looking_model()
    predictor = Predictor(Checkpoint("looking", LOOKING, model.state_dict()))
    predictor.model.mask_decoder.few_rows = few_rows
    features = torch.randn(1, 64, 8, 8, generator=torch.Generator().manual_seed(3))
    logits, iou = predictor.decode(predictor.share(features), clicks(4))
    expected_logits, expected_iou = model.decode(features, clicks(4))
    torch.testing.assert_close(logits, expected_logits, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(iou, expected_iou, atol=1e-3, rtol=1e-3)


def test_everything_is_found_as_before(picture: npt.NDArray[np.uint8]) -> None:
    """There, scores are asked for before any mask is made."""
    looking, plain = looking_model(), Sam(TINY)
    plain.load_state_dict({k: v for k, v in looking.state_dict().items() if ".ranking." not in k})
    config = AutomaticConfig(
        points_per_side=4, pred_iou_thresh=-9.0, stability_score_thresh=0.0, min_mask_region_area=0
    )
    records = [
        segment_everything(Predictor(Checkpoint("one", shape, model.state_dict())), picture, config)
        for shape, model in ((LOOKING, looking), (TINY, plain))
    ]
    assert records[0]
    assert records[0] == records[1]


def test_its_config_is_written_only_where_it_is() -> None:
    for config in (TINY, LOOKING):
        header = Checkpoint("x", config, {})._header()
        assert ("ranking" in header["config"]["decoder"]) == (config is LOOKING)

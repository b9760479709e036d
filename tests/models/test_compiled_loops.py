"""Few rows and logits by compiled loops are PyTorch's; skipped without ``anymask-native``."""

from __future__ import annotations

import pickle
import sys
from copy import deepcopy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.models.few_rows.positions import INTERFACE, ByTorch, OfPositions, Pixels, Sums, Told
from anymask.models.few_rows.two_way import BETWEEN, ToldImage
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint
from tests.models.test_few_rows import decoded, model, prompts

native = pytest.importorskip("anymask_native")
from anymask_native.library import instructions  # noqa: E402, after what may be skipped

BEST = instructions()
if BEST is None:
    pytest.skip("compiled for processors with AVX2", allow_module_level=True)
ALL = ["avx2", "avx512", "avx512_bf16"]
SETS = ALL[: ALL.index(BEST) + 1]
# Prompts, heads, tokens, width, positions: one part and a bit, many, fewer than a register holds.
SHAPES = [(1, 8, 7, 16, 257), (3, 4, 5, 8, 64), (2, 8, 12, 16, 700), (1, 4, 6, 4, 7)]
Shape = tuple[int, int, int, int, int]


class Asked:
    """Numbers for all that is asked after ``layers`` have told the image something."""

    def __init__(self, shape: Shape, layers: int) -> None:
        torch.manual_seed(layers)
        prompts, heads, tokens, width, length = shape
        count = heads * tokens
        self.asked = torch.randn(prompts, tokens, heads, width).transpose(1, 2)
        self.keys, self.values, where = torch.randn(3, heads, width, length)
        self.steps = torch.rand(prompts, 3 * count + 1, length + BETWEEN)[..., :length]
        self.read, self.written = count * layers, slice(count * layers, count * (layers + 1))
        self.log_weight = torch.rand(length)
        self.always = torch.randn(prompts, heads, tokens)
        self.bias = torch.zeros(prompts, tokens)
        self.bias[:, -1] = -1e4  # absent
        self.among = 0.1 * torch.randn(prompts, count, self.read)
        self.total = torch.rand(prompts, length)
        deviation = 0.5 + torch.rand(prompts, length)
        pull = 0.3 * torch.randn(prompts, count, self.read)
        told = Told(pull, self.steps[:, : self.read], deviation, where)
        self.told = told if layers else None

    def seen(self, by: OfPositions) -> tuple[Tensor, Tensor | None]:
        return by.see(self.asked, self.keys, self.values, self.told, self.log_weight)

    def told_steps(self, by: OfPositions) -> Tensor:
        """All steps, after the layer's were written."""
        steps = self.steps
        always, bias = (self.always, self.bias) if self.told else (None, None)
        by.tell(self.asked, self.keys, self.told, always, bias, steps[:, self.written])
        return steps.clone()

    def measured(self, by: OfPositions) -> Tensor:
        total = self.total.clone()
        by.measure(self.asked, self.values, self.among, self.steps[:, : self.read], total)
        return total


def assert_close(compiled: Tensor | None, plain: Tensor | None) -> None:
    if compiled is None or plain is None:
        assert compiled is plain is None
    else:
        torch.testing.assert_close(compiled, plain, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("of", SETS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("threads", [1, 3])
def test_answers_are_those_of_pytorch(of: str, shape: Shape, layers: int, threads: int) -> None:
    asked, compiled, plain = Asked(shape, layers), native.Loops(of), ByTorch()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for one, other in zip(asked.seen(compiled), asked.seen(plain)):
            assert_close(one, other)
        assert_close(asked.told_steps(compiled), asked.told_steps(plain))
        if layers:
            assert_close(asked.measured(compiled), asked.measured(plain))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("of", SETS)
def test_a_single_position_that_outweighs_all_others_is_seen_alone(of: str) -> None:
    asked = Asked((1, 4, 5, 8, 1000), 0)
    asked.log_weight = torch.full((1000,), -1e4)
    asked.log_weight[777] = 0
    seen, _ = asked.seen(native.Loops(of))
    expected = asked.values[:, :, 777]  # H D
    torch.testing.assert_close(seen, expected[None, :, None].expand_as(seen))


def plain_logits(hyper: Tensor, image: Sums, pixels: Pixels) -> Tensor:
    """What ``Compiled.upscale`` gives, by its definition."""
    x = torch.unflatten(image.own + image.steps.mT @ image.rows, -1, (4, -1))  # P L 4 C
    squares = x.square().mean(dim=-1, keepdim=True)
    x = x / (squares + pixels.epsilon * image.variance[..., None, None]).sqrt()
    x = F.gelu(x * pixels.gain + pixels.shift) @ pixels.weight + pixels.bias
    return hyper @ torch.unflatten(F.gelu(x), -1, (4, -1)).flatten(1, 3).mT


@pytest.mark.parametrize("of", SETS)
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    ("prompts", "masks", "told", "length", "channels"),
    [(1, 4, 113, 513, 64), (3, 1, 17, 31, 16), (2, 3, 8, 256, 16), (1, 2, 1, 1, 16)],
)
def test_logits_are_those_of_the_definition(
    of: str, half: bool, prompts: int, masks: int, told: int, length: int, channels: int
) -> None:
    torch.manual_seed(told)
    features = channels // 2
    steps = torch.rand(prompts, told + 2, length + BETWEEN)[:, :told, :length]
    rows = 0.2 * torch.randn(prompts, told, 4 * channels)
    variance = 0.5 + torch.rand(prompts, length)
    image = Sums(torch.randn(length, 4 * channels), steps, rows, variance)
    gain, shift = torch.randn(2, channels)
    weight, bias = torch.randn(4 * features, channels).T / channels**0.5, torch.randn(4 * features)
    pixels = Pixels(gain, shift, 1e-2, weight, bias)
    hyper = torch.randn(prompts, masks, features)
    expected = plain_logits(hyper, image, pixels)
    found = native.Loops(of).upscale(hyper, image, pixels, half)
    rounded = half and of == "avx512_bf16"
    torch.testing.assert_close(found, expected, atol=0.1 if rounded else 5e-5, rtol=1e-5)
    assert rounded == ((found - expected).abs().max().item() > 1e-4)


@pytest.mark.parametrize("of", SETS)
@pytest.mark.parametrize("length", [1, 300])
def test_one_pixel_of_a_position_is_that_of_all(of: str, length: int) -> None:
    torch.manual_seed(1)
    channels, features, count = 16, 8, 9
    steps, variance = torch.rand(2, count, length), 0.5 + torch.rand(2, length)
    image = Sums(
        torch.randn(length, 4 * channels), steps, torch.randn(2, count, 4 * channels), variance
    )
    weight, bias = torch.randn(channels, 4 * features), torch.randn(4 * features)
    gain, shift = torch.randn(2, channels)
    pixels = Pixels(gain, shift, 1e-2, weight, bias)
    hyper = torch.randn(2, 3, features)
    whole = native.Loops(of).upscale(hyper, image, pixels, half=False)
    one = pixels._replace(
        weight=weight[:, features : 2 * features], bias=bias[features : 2 * features]
    )
    third = image.some(slice(2 * channels, 3 * channels))
    found = native.Loops(of).upscale(hyper, third, one, half=False)
    torch.testing.assert_close(found, whole[..., 4 * 2 + 1 :: 16], atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("of", SETS)
def test_a_gelu_is_right_everywhere(of: str) -> None:
    """One number through the last GELU alone: of large and of small."""
    x = torch.cat([torch.linspace(-8, 8, 4001), torch.tensor([-1e30, -100.0, 100.0])])
    features, zeros = 4, torch.zeros(1, 1, 16)
    image = Sums(torch.zeros(1, 16), torch.zeros(1, 1, 17)[..., :1], zeros, torch.ones(1, 1))
    hyper = torch.eye(features)[None]  # each feature is a mask
    found = []
    for bias in F.pad(x, (0, -len(x) % 16)).view(-1, 16):
        pixels = Pixels(torch.ones(4), torch.zeros(4), 1.0, torch.zeros(4, 16), bias)
        logits = native.Loops(of).upscale(hyper, image, pixels, half=False)
        found.append(logits[0].view(features, 4, 4)[:, 0].T.flatten())  # pixel by pixel
    torch.testing.assert_close(torch.cat(found)[: len(x)], F.gelu(x), atol=3e-6, rtol=1e-6)


@pytest.mark.parametrize("points", [1, 4])
def test_the_decoder_answers_the_same(points: int) -> None:
    sam = model()
    plain, rows = decoded(sam, True, prompts(points + 1))
    heads = sam.mask_decoder.config.heads
    sam.mask_decoder.compiled = native.loops(heads, 32 // heads)
    compiled, compiled_rows = decoded(sam, True, prompts(points + 1))
    assert sam.mask_decoder.compiled is not None
    assert isinstance(rows, ToldImage)
    assert isinstance(compiled_rows, ToldImage)
    assert_close(compiled, plain)
    assert not torch.equal(compiled, plain)  # so they were asked
    assert_close(compiled_rows.steps, rows.steps)
    assert_close(compiled_rows.variance, rows.variance)
    hyper = sam.mask_decoder.hyper(compiled)
    samples = sam.mask_decoder.samples(hyper, compiled_rows)
    by_loops = sam.mask_decoder.masks(compiled, compiled_rows)
    sam.mask_decoder.compiled = None
    expected = sam.mask_decoder.samples(hyper, compiled_rows)
    torch.testing.assert_close(samples, expected, atol=2e-4, rtol=1e-4)
    by_torch = sam.mask_decoder.masks(plain, rows)
    torch.testing.assert_close(by_loops, by_torch, atol=2e-4, rtol=1e-4)
    assert not torch.equal(by_loops, by_torch)


def test_a_predictor_takes_them_where_they_fit(
    tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiled() -> object:
        return Predictor(tiny_checkpoint).model.mask_decoder.compiled

    assert compiled() == native.Loops(BEST)
    monkeypatch.setattr(native, "INTERFACE", INTERFACE + 1)
    assert compiled() is None
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "anymask_native", None)
    assert compiled() is None


def test_numbers_that_do_not_fit_are_left_to_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert native.loops(8, 16) == native.Loops(BEST)
    assert native.loops(6, 16) is None
    assert native.loops(8, 18) is None
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    assert native.loops(8, 16) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda asked: setattr(asked, "keys", asked.keys.double()),
        lambda asked: setattr(asked, "values", asked.values.bfloat16()),
        lambda asked: setattr(asked, "asked", asked.asked.half()),
    ],
)
def test_other_numbers_than_float32_are_refused(change: Any) -> None:
    asked = Asked(SHAPES[0], 1)
    change(asked)
    with pytest.raises(ValueError, match="float32"):
        asked.seen(native.Loops(BEST))


def test_what_is_written_must_lie_as_it_is_read() -> None:
    asked, compiled = Asked(SHAPES[0], 1), native.Loops(BEST)
    elsewhere = torch.empty(*asked.steps[:, asked.written].shape)
    with pytest.raises(ValueError, match="one array"):
        compiled.tell(asked.asked, asked.keys, asked.told, None, None, elsewhere)
    total = torch.rand(1, 2 * 257)[:, ::2]
    with pytest.raises(ValueError, match="beside each other"):
        compiled.measure(asked.asked, asked.values, asked.among, asked.steps[:, :56], total)


def test_a_model_with_them_is_copied_and_sent() -> None:
    compiled = native.Loops(BEST)
    assert deepcopy(compiled) == pickle.loads(pickle.dumps(compiled)) == compiled

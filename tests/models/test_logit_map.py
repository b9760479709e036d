"""Logits of positions as a map: each where its bits say, whichever way they are moved."""

import pytest
import torch

from anymask.models.mask_decoder import logit_map


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("learns", [False, True])
def test_each_logit_is_at_its_row_and_column(dtype: torch.dtype, learns: bool) -> None:
    h, w = 2, 3
    logits = torch.arange(2 * h * w * 16, dtype=dtype).view(2, -1).requires_grad_(learns)
    found = logit_map(logits, (h, w))
    assert found.shape == (2, 4 * h, 4 * w)
    for row in range(4 * h):
        for column in range(4 * w):
            y, up, upper = row // 4, row // 2 % 2, row % 2
            x, left, lefter = column // 4, column // 2 % 2, column % 2
            number = ((((y * w + x) * 2 + up) * 2 + left) * 2 + upper) * 2 + lefter
            assert torch.equal(found[:, row, column], logits[:, number])


def test_rows_that_lie_apart_are_put_in_order_too() -> None:
    wide = torch.randn(3, 2, 2 * 16 * 16)
    part = wide[..., : 16 * 16]
    assert torch.equal(logit_map(part), logit_map(part.clone()))
    odd = wide[..., 1 : 1 + 16 * 16]
    assert torch.equal(logit_map(odd), logit_map(odd.clone()))

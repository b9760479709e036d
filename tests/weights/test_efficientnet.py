from pathlib import Path

import pytest
import torch

from anymask.errors import LayoutError
from anymask.models.efficientnet import EfficientNetLite0, SamePadded
from anymask.weights.efficientnet import load_efficientnet, names


def test_padding_is_on_the_right_and_below_first() -> None:
    layer = SamePadded(1, 1, 3, 2, bias=False)
    torch.nn.init.ones_(layer.weight)
    answer = layer(torch.ones(1, 1, 4, 4))
    assert answer[0, 0].tolist() == [[9, 6], [6, 4]]


@pytest.mark.slow
def test_weights_under_their_names_are_ours(tmp_path: Path) -> None:
    model = EfficientNetLite0()
    state = model.state_dict()
    assert set(names()) == set(state)
    path = tmp_path / "theirs.pth"
    torch.save({theirs: state[ours] for ours, theirs in names().items()}, path)
    loaded = load_efficientnet(path)
    image = torch.randn(1, 3, 224, 224)
    torch.testing.assert_close(loaded(image), model.eval()(image))
    assert loaded.probabilities(loaded(image)).sum().item() == pytest.approx(1, abs=1e-5)


def test_anothers_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"layer.weight": torch.ones(2, 2)}, path)
    with pytest.raises(LayoutError, match="no EfficientNet-Lite0"):
        load_efficientnet(path)

"""EfficientNet-Lite0's weights, as the PyTorch port of TensorFlow's checkpoint names them."""

from __future__ import annotations

from pathlib import Path

from anymask.errors import LayoutError
from anymask.models.efficientnet import BLOCKS, EfficientNetLite0
from anymask.weights.safe_pickle import read_pickle


def load_efficientnet(path: Path) -> EfficientNetLite0:
    """The classifier in a ``.pth``, in evaluation mode and without gradients.

    Raises ``CorruptFileError`` for a file that is none, and ``LayoutError`` for another's.
    """
    model = EfficientNetLite0()
    content, _ = read_pickle(path)
    try:
        model.load_state_dict({ours: content[theirs] for ours, theirs in names().items()})
    except (KeyError, TypeError, RuntimeError) as error:
        gist = str(error).strip().splitlines()[0][:200]
        raise LayoutError(f"{path} holds no EfficientNet-Lite0: {gist}") from None
    return model.eval().requires_grad_(False)


def names() -> dict[str, str]:
    """Our name of each parameter to theirs."""
    pairs = [("layers.stem.0", "_conv_stem"), ("layers.stem.1", "_bn0")]
    for number, (_, _, expansion, _) in enumerate(BLOCKS):
        theirs = [("_expand_conv", "_bn0")] if expansion > 1 else []
        theirs += [("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
        for place, layers in enumerate(theirs):
            pairs += [
                (f"layers.block{number}.layers.{3 * place + half}", f"_blocks.{number}.{layer}")
                for half, layer in enumerate(layers)
            ]
    pairs += [("layers.top.0", "_conv_head"), ("layers.top.1", "_bn1"), ("head", "_fc")]
    kinds = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    ours = EfficientNetLite0().state_dict()
    return {f"{a}.{k}": f"{b}.{k}" for a, b in pairs for k in kinds if f"{a}.{k}" in ours}

"""anymask: promptable segmentation.

    sam = anymask.load()
    embedding = sam.encode("photograph.jpg")
    masks = sam.predict(embedding, anymask.Prompts.point(500, 375))
    rle = masks.best().to_rle()[0]

Names are imported when first used: ``import anymask`` loads no deep-learning library.
"""

from __future__ import annotations

from importlib import import_module

# ``typing`` itself takes longest to import here, where Ctrl-C is not heard yet.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from anymask.core.embedding import ImageEmbedding as ImageEmbedding
    from anymask.core.image import read_image as read_image
    from anymask.core.masks import Masks as Masks
    from anymask.core.prompts import Prompts as Prompts
    from anymask.errors import Error as Error
    from anymask.predict.automatic import AutomaticConfig as AutomaticConfig
    from anymask.predict.automatic import segment_everything as segment_everything
    from anymask.predict.load import load as load
    from anymask.predict.predictor import Predictor as Predictor
    from anymask.weights.checkpoint import Checkpoint as Checkpoint

__version__ = "0.1.0"

_HOMES = {
    "AutomaticConfig": "anymask.predict.automatic",
    "Checkpoint": "anymask.weights.checkpoint",
    "Error": "anymask.errors",
    "ImageEmbedding": "anymask.core.embedding",
    "Masks": "anymask.core.masks",
    "Predictor": "anymask.predict.predictor",
    "Prompts": "anymask.core.prompts",
    "load": "anymask.predict.load",
    "read_image": "anymask.core.image",
    "segment_everything": "anymask.predict.automatic",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'anymask' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        from anymask.errors import explained

        raise explained(error) from None


def __dir__() -> list[str]:
    return sorted(__all__)

"""Whose answers are evaluated, named so that other processes can load them, too.

Anymask's own code answers, or other people's through an adapter each. No deep-learning library is
imported before one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anymask.errors import Error
from anymask.evaluation.rivals.rival import Adapter, Rival
from anymask.predict.load import ModelSource, Progress
from anymask.predict.promptable import Promptable

# What to give to pip for the code of others. SAM 2 came to transformers with 4.56.
PACKAGES = {
    Adapter.segment_anything: "'anymask[torch]' torchvision segment-anything",
    Adapter.hugging_face: "'anymask[torch]' 'transformers>=4.56'",
}


class MissingPackageError(Error):
    """A baseline's own package is not installed, or too old."""


@dataclass(frozen=True)
class AdaptedSource(ModelSource):
    """Where a model comes from, and whose code runs it.

    weights: as ``anymask.load`` takes them; for ``segment-anything`` an official ``.pth``,
    ``vit_b:PATH`` to say its type, or its name in ``anymask weights list``; for ``huggingface`` the
    folder or the hub's name of a SAM or SAM 2 in transformers. Other people's code always computes
    in float32.
    """

    adapter: Adapter = Adapter.anymask

    def _load(self, on_progress: Progress | None) -> Promptable:
        if self.adapter is Adapter.anymask:
            return super()._load(on_progress)
        if self.dtype not in ("auto", "float32"):
            raise Error(f"{self.adapter} computes in float32 only, not in {self.dtype}")
        load_rival = _find_loader(self.adapter)
        return load_rival(self.weights, device=self.device, offline=self.offline)


def _find_loader(adapter: Adapter) -> Callable[..., Rival]:
    try:
        if adapter is Adapter.segment_anything:
            from anymask.evaluation.rivals.official import load_official

            return load_official
        from anymask.evaluation.rivals.hugging_face import load_hugging_face

        return load_hugging_face
    except ImportError as missing:
        raise MissingPackageError(
            f"{adapter} can't answer ({missing}); install it with: pip install {PACKAGES[adapter]}"
        ) from None

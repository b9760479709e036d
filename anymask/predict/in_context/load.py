"""From what a person names to something that segments as examples show.

A SegGPT where the weights are one, else a promptable model and what needs no training.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import Labels, Pixels
from anymask.errors import Error, PromptError, explained
from anymask.predict.disk_cache import DiskCache
from anymask.predict.in_context.answer import InContextAnswer
from anymask.predict.in_context.predictor import InContextPredictor
from anymask.predict.load import ModelSource, Progress
from anymask.predict.promptable import Promptable
from anymask.weights.graph_pair import is_runnable_only

if TYPE_CHECKING:
    from anymask.models.seggpt_prompt import SegGPTPrompt
    from anymask.predict.in_context.like import LikePredictor
    from anymask.predict.in_context.seggpt import SegGPTPredictor

SPATIAL: Literal["spatial"] = "spatial"
ENSEMBLES = ("feature", SPATIAL)


@dataclass(frozen=True)
class ByLikeness:
    """What needs no training, under the names of all that its answers depend on."""

    like: LikePredictor

    @property
    def model_id(self) -> str:
        """Who answers, and the hash of the weights that answer prompts."""
        name, _, digest = self.like.sam.model_id.rpartition("@")
        return f"{self.like.answered_by}@{digest}" if name else self.like.answered_by

    def segment(
        self, pixels: Pixels, examples: Sequence[Example], *, rejected: Sequence[Example] = ()
    ) -> InContextAnswer:
        """What is like the examples. Raises ``PromptError``."""
        return self.like.segment(pixels, examples, rejected=rejected)

    def follow(
        self,
        frames: Iterable[Pixels],
        first: Labels,
        also: Sequence[Example] = (),
        *,
        known: Sequence[InContextAnswer] = (),
    ) -> Iterator[InContextAnswer]:
        """What the first frame labels, in those after it. Raises ``PromptError``."""
        from anymask.predict.in_context.following import Follower

        return Follower(self.like).follow(frames, first, also, known=known)


@dataclass(frozen=True)
class BySegGPT:
    """A SegGPT with its way to bring several examples together, "" for its own.

    prompts: tuned for it; they stand beside the examples of every question.
    """

    seggpt: SegGPTPredictor
    ensemble: str = ""
    prompts: tuple[SegGPTPrompt, ...] = ()

    @property
    def model_id(self) -> str:
        """Name and hash of its weights."""
        return self.seggpt.model_id

    def segment(
        self, pixels: Pixels, examples: Sequence[Example], *, rejected: Sequence[Example] = ()
    ) -> InContextAnswer:
        """The labels of the examples. Raises ``PromptError``, also for what is not meant."""
        if rejected:
            raise PromptError(
                "a SegGPT learns nothing from what is not meant; leave the weights of a SAM to it"
            )
        shown: list[Example | SegGPTPrompt] = [*examples, *self.prompts]
        if self.ensemble == SPATIAL:
            return self.seggpt.segment(pixels, shown, SPATIAL)
        return self.seggpt.segment(pixels, shown)

    def follow(
        self,
        frames: Iterable[Pixels],
        first: Labels,
        also: Sequence[Example] = (),
        *,
        known: Sequence[InContextAnswer] = (),
    ) -> Iterator[InContextAnswer]:
        """What the first frame labels, in those after it: the known frames and the last answer
        are the examples of each (*SegGPT* §3.3). Raises ``PromptError``."""
        each = iter(frames)
        start = Example(next(each), first)
        last: tuple[Example, ...] = ()
        for number, pixels in enumerate(each):
            is_known = number < len(known)
            answer = known[number] if is_known else self.segment(pixels, [start, *also, *last])
            if answer.labelled.labels.any():
                last = (Example(pixels, answer.labelled.labels),)
            if not is_known:
                yield answer


def load_in_context(
    source: ModelSource,
    on_progress: Progress | None = None,
    ensemble: str = "",
    prompts: Sequence[str] = (),
    cache: DiskCache | None = None,
) -> InContextPredictor:
    """Load what segments by example.

    source: its weights are a SegGPT, or a model that answers prompts. ensemble: a SegGPT's way to
    bring several examples together, "" for its own; prompts: folders of those that were tuned for
    it; nothing else has these. cache: where what is known of images is kept; a SegGPT has no use
    for it. Raises ``Error``, also where it is another model than ``source.model_id``.
    """
    predictor = _load(source, on_progress, ensemble, cache)
    if not prompts:
        return predictor
    if not isinstance(predictor, BySegGPT):
        raise Error(
            f"a tuned prompt is for the SegGPT that it was tuned with, and {source.weights} is none"
        )
    from anymask.predict.in_context.seggpt import load_prompt

    return replace(predictor, prompts=tuple(map(load_prompt, prompts)))


def load_follower(
    source: ModelSource, on_progress: Progress | None = None, cache: DiskCache | None = None
) -> BySegGPT | ByLikeness:
    """Load what follows objects through a film. Raises ``Error`` as ``load_in_context`` does."""
    return _load(source, on_progress, "", cache)


def _load(
    source: ModelSource, on_progress: Progress | None, ensemble: str, cache: DiskCache | None
) -> BySegGPT | ByLikeness:
    try:
        seggpt = _seggpt(source)
        if seggpt is None and ensemble:
            raise Error(f"the {ensemble} ensemble is SegGPT's, and {source.weights} is none")
        if seggpt:
            found: BySegGPT | ByLikeness = BySegGPT(seggpt, ensemble)
        else:
            found = _by_likeness(source, on_progress, cache)
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    source.check(found.model_id)
    return found


def _seggpt(source: ModelSource) -> SegGPTPredictor | None:
    """The SegGPT in a file or folder; None where it is no checkpoint, or another model's."""
    if not os.path.exists(source.weights) or is_runnable_only(source.weights):
        return None
    if find_spec("torch") is None:
        return None
    from anymask.models.seggpt import SegGPTConfig
    from anymask.predict.in_context.seggpt import SegGPTPredictor
    from anymask.predict.predictor import find_device
    from anymask.weights.load import load_checkpoint

    checkpoint = load_checkpoint(source.weights, offline=source.offline)
    if not isinstance(checkpoint.config, SegGPTConfig):
        return None
    return SegGPTPredictor(checkpoint, find_device(source.device))


def by_likeness(
    sam: Promptable, offline: bool | None = None, cache: DiskCache | None = None
) -> ByLikeness:
    """What needs no training, on a model that is loaded already.

    Semantic features are DINOv2's where its weights are here or can be fetched. cache: where what
    is known of images is kept. Raises ``Error`` for a model that PyTorch does not run.
    """
    try:
        from anymask.predict.in_context.like import LikePredictor
        from anymask.predict.in_context.looks import KeptLooks
        from anymask.predict.predictor import Predictor
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    if not isinstance(sam, Predictor):
        raise Error(f"{sam.model_id} is no model that PyTorch runs: it finds nothing by example")
    looks = None if cache is None else KeptLooks(cache)
    return ByLikeness(LikePredictor.on(sam, offline=offline, looks=looks))


def _by_likeness(
    source: ModelSource, on_progress: Progress | None, cache: DiskCache | None
) -> ByLikeness:
    from anymask.predict.in_context.like import LikePredictor
    from anymask.predict.in_context.looks import KeptLooks

    if source.dtype not in ("auto", "float32"):
        raise Error(f"what is like an example is looked for in float32, not in {source.dtype}")
    like = LikePredictor.load(
        source.weights,
        device=source.device,
        offline=source.offline,
        on_progress=on_progress,
        looks=None if cache is None else KeptLooks(cache),
    )
    return ByLikeness(like)

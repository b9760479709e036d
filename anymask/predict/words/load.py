"""From what a person names to something that finds what words say."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from anymask.core.annotations import Annotations
from anymask.core.geometry import Floats
from anymask.core.words.crops import Pixels
from anymask.errors import Error, MissingExtraError, explained
from anymask.predict.disk_cache import DiskCache
from anymask.predict.load import ModelSource, Progress
from anymask.predict.objects import ObjectQuestion
from anymask.predict.promptable import Promptable
from anymask.predict.words.answer import WordsAnswer

if TYPE_CHECKING:
    from anymask.predict.words.candidates import Candidates
    from anymask.predict.words.predictor import WordsPredictor

TOKENIZERS = "tokenizers"


class WordsFinder(Protocol):
    """Finds what words name, whichever models it asks."""

    @property
    def model_id(self) -> str:
        """Names and hashes of all that answers depend on."""
        ...

    def find(
        self, pixels: Pixels, text: str | Sequence[str], *, among: Candidates | None = None
    ) -> WordsAnswer:
        """The masks that texts name in an (H, W, 3) RGB image. Raises ``PromptError``."""
        ...

    def candidates_given(
        self, pixels: Pixels, boxes_xyxy: Floats, masks: Annotations
    ) -> Candidates:
        """Masks and boxes (n, 4) that somebody else found. Raises ``PromptError``."""
        ...

    def find_at(self, pixels: Pixels, text: str, objects: Sequence[ObjectQuestion]) -> WordsAnswer:
        """What a text names where objects are pointed at. Raises ``PromptError``."""
        ...


def load_words(
    source: ModelSource, on_progress: Progress | None = None, cache: DiskCache | None = None
) -> WordsFinder:
    """Load what finds words: everything's masks, ranked by encoders of the registry.

    cache: where what is known of images is kept.

    Raises ``Error``, also where it is another model than ``source.model_id``, and
    ``MissingExtraError`` without ``anymask[text]``.
    """
    if find_spec(TOKENIZERS) is None:  # before anything is fetched
        raise MissingExtraError(TOKENIZERS, "text")
    try:
        from anymask.predict.words.predictor import WordsPredictor
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    if source.dtype not in ("auto", "float32"):
        raise Error(f"words are looked for in float32, not in {source.dtype}")
    found = WordsPredictor.load(
        source.weights,
        device=source.device,
        offline=source.offline,
        on_progress=on_progress,
        cache=cache,
    )
    source.check(found.model_id)
    return found


def words_on(sam: Promptable, cache: DiskCache | None = None) -> WordsPredictor:
    """What finds words, on a model that is loaded already. cache: as in ``load_words``.

    Raises ``Error`` for a model that PyTorch does not run, and as ``load_words`` does.
    """
    try:
        from anymask.predict.predictor import Predictor
        from anymask.predict.words.predictor import WordsPredictor
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    if not isinstance(sam, Predictor):
        raise Error(f"{sam.model_id} is no model that PyTorch runs: it finds nothing by words")
    return WordsPredictor.on(sam, cache=cache)

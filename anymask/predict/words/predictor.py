"""WordsPredictor: what a phrase names in an image, by everything's masks ranked against its words.

Shape legend: N masks, k of them like a name, H W pixels of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from anymask.core import rle
from anymask.core.annotations import Annotation, Annotations
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.prompts import Prompts
from anymask.core.protocol import at_first_sight
from anymask.core.words.choosing import chosen
from anymask.core.words.comparison import Comparison
from anymask.core.words.crops import Pixels
from anymask.core.words.phrases import Thing, things_of
from anymask.core.words.wholes import Measures, Weighing
from anymask.errors import PromptError, shown
from anymask.predict.disk_cache import DiskCache
from anymask.predict.embedding_cache import EmbeddingCache
from anymask.predict.in_context.semantic import DinoEncoder
from anymask.predict.objects import ObjectQuestion, answer_objects
from anymask.predict.predictor import Predictor, load
from anymask.predict.words.answer import WordsAnswer, annotation
from anymask.predict.words.candidates import LOOKED_AT, Candidates, everything, worth_a_look
from anymask.predict.words.encoder import WordsEncoder
from anymask.predict.words.kept_candidates import KeptCandidates
from anymask.predict.words.names import BY_NAMES, NamesEncoder
from anymask.weights.registry import DEFAULT

MOST_THINGS = 32  # of a question
# How far behind the likeliest the logarithm of another's odds may be: up to here two of five are
# right in images that have the thing, beyond it one of seven.
NEARLY_AS_LIKELY = 0.6

Embed = Callable[[], ImageEmbedding]


@dataclass(frozen=True, eq=False)
class Named:
    """Candidates held against a name. likeness, chances: (N,) of all. least: the chance it takes.

    numbers: k that may be there, each thing once, the likeliest first. near: how many of these are
    nearly as likely as the first.
    """

    likeness: Floats
    chances: Floats
    least: float
    numbers: list[int]
    near: int

    def meant(self, thing: Thing) -> list[int]:
        """Those that a thing is chosen from: all of them where several are asked for by number."""
        return self.numbers if (thing.count or 1) > 1 else self.numbers[: self.near]


class WordsPredictor:
    """Finds what words name. What is known of an image is kept as long as its array lives."""

    def __init__(
        self,
        sam: Predictor,
        semantic: DinoEncoder,
        encoder: WordsEncoder,
        comparison: Comparison = BY_NAMES,
        name: str = "minilm + efficientnet-lite0",
        kept: KeptCandidates | None = None,
    ) -> None:
        """name: of the encoder's models, for people. kept: what these models made before."""
        self.sam, self.semantic, self.encoder = sam, semantic, encoder
        self.comparison = comparison
        self.answered_by = " + ".join((name, semantic.name, sam.model_id.partition("@")[0]))
        self._candidates, self._kept = EmbeddingCache[Candidates](), kept

    @classmethod
    def load(
        cls,
        weights: str | Path = DEFAULT,
        *,
        device: str = "auto",
        offline: bool | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        cache: DiskCache | None = None,
    ) -> Self:
        """With a SAM and the encoders of the registry. cache: where candidates are kept.

        Raises ``WeightsError``, ``Error``, and ``MissingExtraError`` without ``anymask[text]``.
        """
        sam = load(
            weights, device=device, dtype="float32", offline=offline, on_progress=on_progress
        )
        return cls.on(sam, offline=offline, on_progress=on_progress, cache=cache)

    @classmethod
    def on(
        cls,
        sam: Predictor,
        *,
        offline: bool | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        cache: DiskCache | None = None,
    ) -> Self:
        """On a SAM that is loaded already. Raises as ``load`` does."""
        encoder = NamesEncoder.load(offline=offline, on_progress=on_progress)
        semantic = DinoEncoder.load(sam.device, offline=offline, on_progress=on_progress)
        maker = " ".join((sam.kept_as, semantic.identity, encoder.identity, LOOKED_AT))
        kept = None if cache is None else KeptCandidates(cache, f"{maker} candidates")
        return cls(sam, semantic, encoder, kept=kept)

    def __repr__(self) -> str:
        return f"WordsPredictor({self.answered_by})"

    @property
    def model_id(self) -> str:
        """Names of all that answers depend on, and the hash of the SAM's weights."""
        return f"{self.answered_by}@{self.sam.model_id.rpartition('@')[2]}"

    def find(
        self,
        pixels: Pixels,
        text: str | Sequence[str],
        *,
        embedding: ImageEmbedding | None = None,
        among: Candidates | None = None,
    ) -> WordsAnswer:
        """The masks that a text names: "dog", "two cups and the plate on the left".

        pixels: (H, W, 3) RGB. text: one, or several whose things are all looked for. embedding: of
        this image by the same SAM, if there is one. among: other candidates than everything.

        Raises ``PromptError`` for a text without a name, and for too many.
        """
        things = _things([text] if isinstance(text, str) else text)
        embed = None if embedding is None else lambda: embedding
        candidates = among or self.candidates(pixels, embed)
        names = {name: None for one in things for name in (one.words, one.beside) if name}
        named = dict(zip(names, self.named(candidates, list(names))))
        masks: list[Annotation] = []
        likeness: list[float] = []
        reasons = []
        for thing in things:
            numbers, reason = _meant(thing, named, candidates)
            found = named[thing.words]
            for number in numbers:
                candidate = candidates.masks[number]
                masks.append(_found(len(masks), candidate, thing, float(found.chances[number])))
                likeness.append(float(found.likeness[number]))
            reasons += [reason] if reason else []
        annotations = Annotations(masks, candidates.masks.image_hw)
        likest = np.array(likeness, np.float32)
        return WordsAnswer(annotations, likest, tuple(reasons), self.answered_by)

    def find_at(
        self,
        pixels: Pixels,
        text: str,
        objects: Sequence[ObjectQuestion],
        *,
        embedding: ImageEmbedding | None = None,
    ) -> WordsAnswer:
        """What a text names where objects are pointed at, a mask for each object.

        A click may mean a part or the whole: of the model's masks for it, the one that is likest to
        the words. That it is there is not doubted. Raises ``PromptError``, also for a text that
        names several things, or which of them.
        """
        (thing, *others) = _things([text])
        if others or thing != Thing(thing.words):
            raise PromptError(
                f"{shown(text)} beside a point or a box: one name and nothing else is taken there, "
                f"such as dog"
            )
        embedded = self.sam.encode(pixels) if embedding is None else embedding
        # What is likest heeds predicted IoUs, too, of the kind that everything-mode has.
        answers, _ = answer_objects(at_first_sight(self.sam), embedded, objects, True)
        features = self.semantic.features(pixels)
        masks: list[Annotation] = []
        likeness = []
        for number, several in enumerate(answers.to_bool()):
            iou = answers.predicted_iou[number].tolist()
            drawn = [
                annotation(rle.encode(mask), sure) for mask, sure in zip(several, iou) if mask.any()
            ]
            if not drawn:
                continue
            few = Annotations(drawn, embedded.image_hw)
            found = Candidates.of_masks(pixels, few, features, self.encoder)
            (named,) = self.named(found, [thing.words])
            best = int(named.chances.argmax())
            masks.append(_found(len(masks), drawn[best], thing, float(named.chances[best])))
            likeness.append(float(named.likeness[best]))
        reasons = ("nothing is where points and boxes are",) if not masks else ()
        annotations = Annotations(masks, embedded.image_hw)
        likest = np.array(likeness, np.float32)
        return WordsAnswer(annotations, likest, reasons, self.answered_by)

    def candidates(self, pixels: Pixels, embed: Embed | None = None) -> Candidates:
        """Everything in an (H, W, 3) image, embedded, and kept for the next words.

        embed: gives the image's embedding by the same SAM; asked only where nothing is kept.
        """

        def look() -> Candidates:
            embedded = self.sam.encode(pixels) if embed is None else embed()
            return self._of_masks(pixels, self.everything(embedded))

        def found() -> Candidates:
            return look() if self._kept is None else self._kept.of(pixels, look)

        return self._candidates.get(pixels, found)

    def everything(self, embedding: ImageEmbedding) -> Annotations:
        """The masks of an image that are looked at."""
        return everything(self.sam, embedding)

    def candidates_of(self, pixels: Pixels, masks: Annotations) -> Candidates:
        """Other masks of an image, as those of a file; tiny ones and copies are left out."""
        return self._of_masks(pixels, worth_a_look(masks))

    def candidates_given(
        self,
        pixels: Pixels,
        boxes_xyxy: Floats,
        masks: Annotations,
        embedding: ImageEmbedding | None = None,
    ) -> Candidates:
        """Masks of an image that somebody else found, and the SAM's for boxes (n, 4).

        Raises ``PromptError`` for boxes outside of the image.
        """
        given = list(masks)
        if len(boxes_xyxy):
            embedded = self.sam.encode(pixels) if embedding is None else embedding
            prompts = Prompts.of_boxes(np.asarray(boxes_xyxy, np.float32))
            answers = self.sam.predict(embedded, prompts, False)
            sure = answers.predicted_iou[:, 0].tolist()
            given += [annotation(mask, iou) for mask, iou in zip(answers.to_rle(), sure)]
        return self.candidates_of(pixels, Annotations(given, masks.image_hw))

    def named(self, candidates: Candidates, names: Sequence[str]) -> list[Named]:
        """What is like each name, each thing once; all chances are of the same kind."""
        words = self.encoder.embed_words(names)
        if not candidates.masks:
            nothing = np.zeros(0, np.float32)
            return [Named(nothing, nothing, 0.0, [], 0) for _ in names]
        likeness = self.comparison.likeness(candidates.embedded, words)
        weighings = map(self.comparison.weighing, words)
        each = zip(likeness.T, weighings)
        return [_named(candidates.measures, like, weighing) for like, weighing in each]

    def _of_masks(self, pixels: Pixels, masks: Annotations) -> Candidates:
        return Candidates.of_masks(pixels, masks, self.semantic.features(pixels), self.encoder)


def _named(measures: Measures, likeness: Floats, weighing: Weighing) -> Named:
    chances = weighing.chances(measures.evidence(likeness))
    order = np.argsort(-chances, kind="stable").tolist()
    kept = measures.once([one for one in order if chances[one] >= weighing.least])
    likely = np.clip(chances[kept].astype(np.float64), 1e-9, 1 - 1e-9)
    odds = np.log(likely / (1 - likely))
    near = int((odds >= odds[0] - NEARLY_AS_LIKELY).sum()) if kept else 0
    return Named(likeness, chances, weighing.least, kept, near)


def _things(texts: Iterable[str]) -> list[Thing]:
    """What all texts ask for, each once. Raises ``PromptError``."""
    things = list(dict.fromkeys(thing for text in texts for thing in things_of(text)))
    if not 1 <= len(things) <= MOST_THINGS:
        raise PromptError(f"{len(things)} things are named: from 1 to {MOST_THINGS} are looked for")
    return things


def _meant(
    thing: Thing, named: Mapping[str, Named], candidates: Candidates
) -> tuple[list[int], str]:
    """Which of those that are like a thing's name are meant, and why there are no others."""
    found = named[thing.words]
    if not found.numbers:
        return [], _nothing(thing.words, candidates, found)
    beside = named.get(thing.beside)
    if beside is not None and not beside.numbers:
        return [], _nothing(thing.beside, candidates, beside)
    there = found.meant(thing)
    numbers = chosen(
        thing,
        candidates.boxes_xyxy()[there],
        candidates.measures.areas[there],
        candidates.masks.image_hw,
        None if beside is None else candidates.boxes_xyxy()[beside.numbers[: beside.near]],
    )
    if not numbers:
        count = len(there)
        return [], f"{shown(thing.words)} is there {_times(count)}, but not where it is asked for"
    meant = [there[number] for number in numbers]
    if thing.count is not None and len(meant) < thing.count:
        return meant, f"{thing.count} {thing.words} were asked for, {len(meant)} found"
    return meant, ""


def _nothing(name: str, candidates: Candidates, found: Named) -> str:
    """Why nothing is like a name."""
    if not candidates.masks:
        return f"nothing is like {shown(name)}: nothing at all was found in the image"
    return (
        f"nothing is like {shown(name)}: the likeliest of {len(candidates.masks)} masks has a "
        f"chance of {found.chances.max():.3f}, below {found.least:.3f}"
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _found(number: int, candidate: Annotation, thing: Thing, chance: float) -> Annotation:
    """A candidate as an answer, under its name."""
    named: Annotation = {
        **candidate,
        "id": number,
        "predicted_iou": chance,
        "stability_score": chance,
        "label": thing.words,
    }
    return named

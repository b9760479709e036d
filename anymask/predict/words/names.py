"""NamesEncoder: objects and words meet in the names of things (after Norouzi et al. 2013).

An object is embedded as how surely it is each of ImageNet's 1,000 classes, and each of the things
that an adapter has learned to name; a word as how near it is to each of those names. Objects and
words are compared by how likely the one is under the other, in either vocabulary.

Shape legend: n objects, m words, d = 1,000 classes and k names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from anymask.core.embedding import model_id
from anymask.core.geometry import Floats
from anymask.core.words.comparison import Comparison
from anymask.core.words.meanings import TEMPLATE, Names, plain
from anymask.core.words.named_things import NamedThings, features_of
from anymask.core.words.objects import ShownObject
from anymask.core.words.wholes import Weighing
from anymask.core.words.wordnet import WordNet, forms_of
from anymask.errors import CorruptFileError
from anymask.models.efficientnet import CLASSES, EfficientNetLite0
from anymask.predict.words.sentences import ROW as SENTENCES
from anymask.predict.words.sentences import SentenceEncoder
from anymask.weights.efficientnet import load_efficientnet
from anymask.weights.fetch import cache_folder, fetch_row, sha256_of
from anymask.weights.registry import find

CLASSIFIER, WORDNET = "efficientnet-lite0", "wordnet"
ADAPTER = Path(__file__).with_name("named_things.npz")
BATCH = 16
FLOOR = 1e-4  # of a share: nothing is impossible
CLASSES_WEIGH = 1.0  # against what the adapter says
# How a likeness weighs with a name that the adapter has learned, and with another word; fitted and
# measured by `benchmarks/words_masks.py`.
NAMED = Weighing((0.546, 0.243, -0.468, -0.064, 12.161, -1.081, -0.153), -11.1, 0.83)
OTHER = Weighing((0.956, -0.115, 0.046, 0.024, 18.771, -2.347, -0.038), -18.026, 0.82)


class WordSide:
    """Words as nearness to ImageNet's classes, and to an adapter's names."""

    def __init__(
        self, sentences: SentenceEncoder, wordnet: WordNet, labels: Path, clean: Path
    ) -> None:
        """labels, clean: the classes' names as WordNet has them, and as people say them.

        Raises ``CorruptFileError`` for files that are none.
        """
        self.sentences, self.wordnet = sentences, wordnet
        try:
            synonyms = json.loads(labels.read_text())
            names = json.loads(clean.read_text())
            words = [synonyms[str(number)].split(", ") for number in range(CLASSES)]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptFileError(f"{labels} names no ImageNet classes: {error}") from None
        senses = [wordnet.sense_of_words(each) for each in words]
        known = [[sense] if sense is not None else [] for sense in senses]
        self.classes = Names(names, known, sentences.embed, wordnet)

    @classmethod
    def load(
        cls,
        *,
        offline: bool | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> WordSide:
        """With the registry's files, fetched if need be. Raises ``WeightsError``."""
        files = {
            name: path
            for row in (CLASSIFIER, WORDNET)
            for name, path in fetch_row(find(row), offline=offline, on_progress=on_progress).items()
        }
        sentences = SentenceEncoder.load(offline=offline, on_progress=on_progress)
        clean = files["imagenet1k_clean_names.json"]
        both = [
            find(row).files[place].sha256[:16] for row, place in ((SENTENCES, 0), (CLASSIFIER, 2))
        ]
        kept = cache_folder() / "words" / f"{'-'.join(both)}.npy"
        sentences.remember([TEMPLATE.format(name) for name in json.loads(clean.read_text())], kept)
        return cls(
            sentences,
            WordNet.read(files["data.noun"], files["index.noun"]),
            files["imagenet1k_label_to_names.json"],
            clean,
        )

    def names(self, things: Sequence[str]) -> Names:
        """An adapter's names, beside the classes."""
        senses = [self.wordnet.senses_of(thing)[:3] for thing in things]
        return Names(things, senses, self.sentences.embed, self.wordnet, self.classes.centre)


def nearness_to_named(names: Names, words: Sequence[str]) -> Floats:
    """(m, k): one of the names, or its plural, is that name alone; another is near to several."""
    near = names.nearness(words)
    for row, word in zip(near, words):
        known = [form for form in forms_of(plain(word)) if form in names.names]
        if known:
            row[:] = 0
            row[names.names.index(known[0])] = 1
    return near


def likeness(images: Floats, words: Floats) -> Floats:
    """(n, m) logarithms: of the classes' shares and, where there are any, of the named things'."""
    weights = np.split(words, [CLASSES], axis=1)
    shares = np.split(images, [CLASSES], axis=1)
    by_class, by_name = (np.log(one @ other.T + FLOOR) for one, other in zip(shares, weights))
    return np.asarray(CLASSES_WEIGH * by_class + (by_name if shares[1].size else 0), np.float32)


def weighing(word: Floats) -> Weighing:
    """By whether a word (d,) is one of the named things, which have one number alone."""
    return NAMED if np.count_nonzero(word[CLASSES:]) == 1 else OTHER


BY_NAMES = Comparison(likeness, weighing)


class NamesEncoder:
    """See the module; ``things`` None: untrained."""

    def __init__(
        self,
        classifier: EfficientNetLite0,
        words: WordSide,
        things: NamedThings | None,
        identity: str = "",
    ) -> None:
        """identity: hashes of what objects are embedded by; "" where they are not known."""
        self.identity = identity
        self._classifier = classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._words, self._things = words, things
        self._names = words.names(things.names) if things else None

    @classmethod
    def load(
        cls,
        adapter: Path | None = ADAPTER,
        *,
        offline: bool | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> NamesEncoder:
        """With the registry's files, fetched if need be; adapter None: untrained.

        Raises ``WeightsError``, and ``MissingExtraError`` without ``anymask[text]``.
        """
        words = WordSide.load(offline=offline, on_progress=on_progress)
        files = fetch_row(find(CLASSIFIER), offline=offline, on_progress=on_progress)
        weights = find(CLASSIFIER).files[0]
        things = model_id("things", sha256_of(adapter)) if adapter else "untrained"
        identity = f"{model_id(CLASSIFIER, weights.sha256)} {things}"
        classifier = load_efficientnet(files[weights.name])
        return cls(classifier, words, NamedThings.read(adapter) if adapter else None, identity)

    def embed_images(self, objects: Sequence[ShownObject]) -> Floats:
        """(n, d) shares: the classes' sum to 1, the named things' to 1 less that of no thing."""
        features, classes = classified(self._classifier, [one.pixels for one in objects])
        if self._things is None:
            return classes
        semantic, shapes = (
            np.stack([getattr(one, part) for one in objects]) for part in ("semantic", "shape")
        )
        named = self._things.shares(features_of(features, semantic, shapes))
        return np.concatenate([classes, named], axis=1)

    def embed_words(self, words: Sequence[str]) -> Floats:
        """(m, d) nearness."""
        near = self._words.classes.nearness(words)
        if self._names is None:
            return near
        return np.concatenate([near, nearness_to_named(self._names, words)], axis=1)


def classified(
    classifier: EfficientNetLite0, crops: Sequence[np.typing.NDArray[np.uint8]]
) -> tuple[Floats, Floats]:
    """(n, 1280) features and (n, 1000) shares of classes, of crops (224, 224, 3)."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(crops), BATCH):
            batch = torch.from_numpy(np.stack(crops[start : start + BATCH]))
            image = (batch.permute(0, 3, 1, 2).float() - 127) / 128
            features = classifier(image.contiguous(memory_format=torch.channels_last))
            parts.append((features, classifier.probabilities(features)))
    features, shares = (torch.cat(each).numpy() for each in zip(*parts))
    return features, shares

"""Sentences: what words mean, as MiniLM has learned it (arXiv 2002.10957).

Shape legend: m texts, d = 384.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from anymask.core.atomic import writing
from anymask.core.geometry import Floats
from anymask.errors import CorruptFileError, Error, MissingExtraError
from anymask.weights.fetch import fetch_row
from anymask.weights.registry import find

ROW = "minilm"
ENDS = {"[CLS]": 101, "[SEP]": 102}  # what a text begins and ends with, by BERT's vocabulary
LONGEST_CHARACTERS = 2000  # that are looked at: far more than the tokens of which it reads 128


class SentenceEncoder:
    """Embeddings of texts, of length 1, each computed once."""

    def __init__(self, model: Path, tokenizer: Path) -> None:
        """Raises ``MissingExtraError``, and ``CorruptFileError`` for files that are none."""
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise MissingExtraError("tokenizers", "text") from None
        from anymask.predict.onnx_runtime import Graph

        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # the library raises no narrower one
            raise CorruptFileError(f"{tokenizer} is no tokenizer: {error}") from None
        if tuple(map(self._tokenizer.token_to_id, ENDS)) != tuple(ENDS.values()):
            raise CorruptFileError(f"{tokenizer} is another model's tokenizer, none of {ROW}")
        self._tokenizer.no_padding()
        self._graph = Graph(model, threads=1)
        self._known: dict[str, Floats] = {}

    @classmethod
    def load(
        cls,
        *,
        offline: bool | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> SentenceEncoder:
        """With the registry's weights, fetched if need be. Raises ``WeightsError``."""
        files = fetch_row(find(ROW), offline=offline, on_progress=on_progress)
        return cls(files["model.onnx"], files["tokenizer.json"])

    def embed(self, texts: Sequence[str]) -> Floats:
        """(m, d). One text at a time: an int8 graph rounds by what else is in the batch."""
        for text in texts:
            if text not in self._known:
                self._known[text] = self._embedded(text[:LONGEST_CHARACTERS])
        return np.stack([self._known[text] for text in texts])

    def _embedded(self, text: str) -> Floats:
        tokens = np.array([self._tokenizer.encode(text).ids], np.int64)
        (states,) = self._graph.run(
            ["last_hidden_state"],
            {
                "input_ids": tokens,
                "attention_mask": np.ones_like(tokens),
                "token_type_ids": np.zeros_like(tokens),
            },
        )
        mean = states[0].mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def remember(self, texts: Sequence[str], path: Path) -> None:
        """Know texts from a file, and write it where it is not there; a cache that fails is none.

        Whoever names the file sees to it that these texts are its texts.
        """
        try:
            vectors = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            vectors = self.embed(texts)
            with suppress(OSError, Error):
                path.parent.mkdir(parents=True, exist_ok=True)
                with writing(path) as part, part.open("wb") as file:
                    np.save(file, vectors)
        if vectors.shape[0] == len(texts):
            self._known.update(zip(texts, vectors))

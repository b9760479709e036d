"""Named things: an adapter that has learned to name objects, as a linear layer over features.

What it has learned a name of, it knows better than any comparison of words. Of another word it
says what an object is *not*: most objects of an image are things that it can name. It may have
learned what is no thing at all, too: parts of things, several at once, and grounds.

Shape legend: n objects, C channels of all features together, k names.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import unit
from anymask.errors import CorruptFileError


@dataclass(frozen=True, eq=False)
class NamedThings:
    """names: k. matrix: (C, k), bias: (k,) of logits; one column more is of what is no thing."""

    names: tuple[str, ...]
    matrix: Floats
    bias: Floats

    def shares(self, features: Floats) -> Floats:
        """(n, k) of (n, C): how sure it is of each name; with that of no thing they sum to 1."""
        logits = features @ self.matrix + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
        return np.asarray(shares[:, : len(self.names)], np.float32)

    def write(self, path: Path) -> None:
        """As ``.npz``, the matrix in half precision. Raises ``OSError``."""
        np.savez_compressed(
            path, names=np.array(self.names), matrix=self.matrix.astype(np.float16), bias=self.bias
        )

    @classmethod
    def read(cls, path: Path) -> NamedThings:
        """Raises ``CorruptFileError`` for a file that is none, and ``OSError``."""
        try:
            with np.load(path, allow_pickle=False) as file:
                matrix, bias = (file[name].astype(np.float32) for name in ("matrix", "bias"))
                names = tuple(map(str, file["names"]))
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise CorruptFileError(f"{path} is no adapter of named things: {error}") from None
        count = bias.size
        if count - len(names) not in (0, 1) or matrix.shape != (len(matrix), count):
            raise CorruptFileError(f"{path} has {len(names)} names, and numbers for others")
        return cls(names, matrix, bias)


def features_of(classifier: Floats, semantic: Floats, shapes: Floats) -> Floats:
    """(n, C) of a classifier's features (n, 1280), semantic ones (n, 2·c) of two blocks, shapes.

    Each part has the length 1, so that none drowns the others.
    """
    blocks = np.split(semantic, 2, axis=1)
    rooted = np.sqrt(np.maximum(classifier, 0))  # a few channels would else say all
    return np.concatenate([unit(rooted), *map(unit, blocks), shapes], axis=1)

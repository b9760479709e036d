"""Naming: a thing that words name, and the label that its masks get."""

from __future__ import annotations

from collections.abc import Sequence

from anymask.core.words.meanings import plain
from anymask.engine.store.values import Label


def label_named(name: str, labels: Sequence[Label]) -> Label | None:
    """The label of a name, however it is written; of "cups" also the one of "cup"."""
    by_name = {plain(label.name): label for label in reversed(labels)}
    found = (by_name.get(one) for one in (plain(name), *_singulars(plain(name))))
    return next((label for label in found if label is not None), None)


def _singulars(name: str) -> tuple[str, ...]:
    """What one of several things may be called: cups, buses, berries."""
    endings = (("ies", "y"), ("es", ""), ("s", ""))
    return tuple(
        name.removesuffix(ending) + one for ending, one in endings if name.endswith(ending)
    )

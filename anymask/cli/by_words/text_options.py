"""``--text``: words, and what answers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from anymask.cli.progress import download_bar
from anymask.core.words.phrases import things_of
from anymask.predict.disk_cache import kept_here
from anymask.predict.load import ModelSource
from anymask.predict.words.load import WordsFinder, load_words

TextOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WORDS",
        help='Look for what words name: dog, "two cups", "the biggest dog on the left", "dog and '
        'cat". May be repeated. Needs anymask[text].',
        show_default=False,
    ),
]


def texts_of(text: Sequence[str] | None) -> tuple[str, ...]:
    """The texts of the command line, each once. Raises ``PromptError`` for one without a name."""
    texts = tuple(dict.fromkeys(text or ()))
    for one in texts:
        things_of(one)
    return texts


def refuse_with_text(given: Mapping[str, Any]) -> None:
    """Raise ``BadParameter`` for options that change nothing where words say what is meant.

    given: values by the names of options; what is None, False or empty was not given.
    """
    for name, value in given.items():
        if value not in (None, False, [], ()):
            raise typer.BadParameter(f"--{name.replace('_', '-')} changes nothing with --text")


def load_finder(source: ModelSource) -> WordsFinder:
    """What finds words, with a bar while it is fetched. Raises ``Error``."""
    with download_bar(f"fetching {source.weights}") as bar:
        return load_words(source, bar, kept_here())

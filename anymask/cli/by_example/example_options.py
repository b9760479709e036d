"""``--like`` and ``--unlike``: examples, and what answers them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from anymask.cli.progress import download_bar
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets.prompting.examples import ExampleFiles, Examples, example_files, read_examples
from anymask.predict.disk_cache import kept_here
from anymask.predict.in_context.load import (
    ByLikeness,
    BySegGPT,
    load_follower,
    load_in_context,
)
from anymask.predict.in_context.predictor import InContextPredictor
from anymask.predict.load import ModelSource

LikeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="IMAGE:MASK",
        help="Look for what an example shows: an image and its mask, a picture (one value, or a "
        "value for each class) or JSON with run lengths. Several are examples of the same. Or the "
        "folder of a prompt that was tuned for a SegGPT.",
        show_default=False,
    ),
]
UnlikeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="IMAGE:MASK",
        help="With --like: what looks alike and is not meant. May be repeated.",
        show_default=False,
    ),
]


def examples_of(
    like: Sequence[str], unlike: Sequence[str], reading: ReadOptions = AS_STORED
) -> Examples | None:
    """The examples of the command line; None without any.

    reading: bands and values of their images; a page is the images' own. Raises ``BadParameter``
    and ``Error``.
    """
    if not like:
        if unlike:
            raise typer.BadParameter("--unlike goes with --like, which shows what is meant")
        return None
    own = ReadOptions(None, reading.bands, reading.window)
    read = read_examples(_pairs(like), [example_files(text) for text in unlike], own)
    return replace(read, tuned=tuple(text for text in like if os.path.isdir(text)))


def _pairs(like: Sequence[str]) -> list[ExampleFiles]:
    """The examples among them; what is a folder is a tuned prompt."""
    return [example_files(text) for text in like if not os.path.isdir(text)]


def named_files(*options: Sequence[str] | None) -> list[Path]:
    """The files of this machine that examples name: they must not be written."""
    named = [files for given in options for files in _pairs(given or [])]
    return [Path(place) for files in named for place in (files.image, files.mask)]


def refuse_with_like(given: Mapping[str, Any]) -> None:
    """Raise ``BadParameter`` for options that change nothing where examples are given.

    given: values by the names of options; what is None or False was not given.
    """
    for name, value in given.items():
        if value not in (None, False):
            raise typer.BadParameter(f"--{name.replace('_', '-')} changes nothing with --like")


def load_tracker(source: ModelSource) -> ByLikeness | BySegGPT:
    """What follows a film, with a bar while it is fetched. Raises ``Error``."""
    with download_bar(f"fetching {source.weights}") as bar:
        return load_follower(source, bar, kept_here())


def load_predictor(source: ModelSource, examples: Examples) -> InContextPredictor:
    """What answers examples, with a bar while it is fetched. Raises ``Error``."""
    with download_bar(f"fetching {source.weights}") as bar:
        return load_in_context(source, bar, prompts=examples.tuned, cache=kept_here())

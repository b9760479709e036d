"""``--text``: words, and what answers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import typer

from anymask.cli.progress import download_bar
from anymask.core.annotations import Annotations
from anymask.core.geometry import xywh_to_xyxy
from anymask.core.image import RGB
from anymask.core.words.phrases import things_of
from anymask.datasets.photographs import Photograph
from anymask.datasets.prompting.candidate_file import CandidateFile
from anymask.predict.disk_cache import kept_here
from anymask.predict.load import ModelSource
from anymask.predict.words.answer import WordsAnswer, annotation
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

AmongOption = Annotated[
    str | None,
    typer.Option(
        metavar="JSON",
        help="With --text: choose among the boxes and masks of a file in COCO's format, or of a "
        "detector's list of results, instead of everything in the image.",
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


def named_among(
    finder: WordsFinder,
    photograph: Photograph,
    pixels: RGB,
    texts: Sequence[str],
    among: CandidateFile | None,
) -> WordsAnswer:
    """What texts name in an image, in everything or among what a file has. Raises ``Error``."""
    if among is None:
        return finder.find(pixels, texts)
    image_hw = pixels.shape[0], pixels.shape[1]
    boxes, masks = [], []
    for one in among.of(photograph):
        mask = one.mask(image_hw)
        if mask is not None:
            masks.append(annotation(mask))
        elif one.box_xywh is not None:
            boxes.append(one.box_xywh)
    corners = xywh_to_xyxy(np.array(boxes, np.float32).reshape(-1, 4))
    given = finder.candidates_given(pixels, corners, Annotations(masks, image_hw))
    return finder.find(pixels, texts, among=given)


def load_finder(source: ModelSource) -> WordsFinder:
    """What finds words, with a bar while it is fetched. Raises ``Error``."""
    with download_bar(f"fetching {source.weights}") as bar:
        return load_words(source, bar, kept_here())

"""How an image of ``anymask segment`` is answered: by prompts, by examples, or by words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import typer

from anymask.cli.by_example.example_options import load_predictor
from anymask.cli.by_words.text_options import load_finder
from anymask.cli.progress import download_bar
from anymask.cli.segmenting.answers import Answer, Rendering
from anymask.cli.segmenting.found_answers import FoundAnswer
from anymask.core.image import RGB
from anymask.core.read_options import ReadOptions
from anymask.datasets.photographs import Photograph
from anymask.datasets.prompting.candidate_file import CandidateFile
from anymask.datasets.prompting.examples import Examples
from anymask.datasets.prompting.object_prompt import ObjectPrompt
from anymask.errors import Error
from anymask.predict.in_context.annotations import annotations_of
from anymask.predict.in_context.predictor import InContextPredictor
from anymask.predict.load import ModelSource
from anymask.predict.objects import ObjectQuestion, answer_objects, doubts, read_question
from anymask.predict.promptable import Promptable
from anymask.predict.words.given import candidates_of_file
from anymask.predict.words.load import WordsFinder

Read = tuple[RGB, list[ObjectQuestion]]
Model = Promptable | InContextPredictor | WordsFinder


@dataclass(frozen=True)
class Wanted:
    """How images are read, and what is made of each answer.

    examples, texts: what is looked for, where it is not what prompts point at. among: what texts
    choose from, None for everything.
    """

    reading: ReadOptions
    rendering: Rendering
    all_masks: bool
    clean: bool | None
    as_json: bool
    examples: Examples | None = None
    texts: tuple[str, ...] = ()
    among: CandidateFile | None = None


def load_model(source: ModelSource, wanted: Wanted) -> Model:
    """What answers, with a bar while it is fetched. Raises ``Error``."""
    if wanted.examples is not None:
        return load_predictor(source, wanted.examples)
    if wanted.texts:
        return load_finder(source)
    with download_bar(f"fetching {source.weights}") as bar:
        return source.load(bar)


def read(photograph: Photograph, objects: Sequence[ObjectPrompt], wanted: Wanted) -> Read:
    """The pixels of an image, and what is asked about it. Raises ``Error``."""
    pixels = photograph.pixels(wanted.reading)
    image_hw = pixels.shape[0], pixels.shape[1]
    if wanted.among is not None:
        wanted.among.of(photograph).boxes_xyxy(image_hw)
    return pixels, [read_question(asked, image_hw) for asked in objects]


def not_given(photograph: Photograph, wanted: Wanted) -> bool:
    """Whether a file of candidates has none of an image, or may have those of several."""
    try:
        return wanted.among is not None and wanted.among.find(photograph) is None
    except Error:
        return True


def answer(
    model: Model,
    photograph: Photograph,
    objects: Sequence[ObjectPrompt],
    asked: Read,
    wanted: Wanted,
    image_id: int,
) -> Answer | FoundAnswer:
    """The answer; doubts about rough masks, and how sure it is of what it found, are told."""
    pixels, questions = asked
    if isinstance(model, Promptable):
        masks, prompts = answer_objects(
            model, model.encode(pixels), questions, True if wanted.all_masks else None
        )
        for number, doubt in doubts(questions, masks):
            typer.echo(
                f"note: what is drawn in {objects[number].mask} {doubt}. --mask takes a mask of "
                f"nearly the object's extent; strokes are for --scribble",
                err=True,
            )
        return Answer(photograph, pixels, masks, prompts, wanted.all_masks, wanted.clean, image_id)
    if wanted.examples is not None:
        return _like(cast(InContextPredictor, model), photograph, pixels, wanted, image_id)
    return _named(cast(WordsFinder, model), photograph, asked, wanted, image_id)


def _like(
    predictor: InContextPredictor,
    photograph: Photograph,
    pixels: RGB,
    wanted: Wanted,
    image_id: int,
) -> FoundAnswer:
    examples = wanted.examples
    assert examples is not None
    found = predictor.segment(pixels, examples.shown, rejected=examples.rejected)
    annotations = annotations_of(found, examples.names)
    like = FoundAnswer(photograph, pixels, annotations, wanted.clean, image_id)
    typer.echo(like.told("nothing like the example", found.answered_by), err=True)
    return like


def _named(
    finder: WordsFinder, photograph: Photograph, asked: Read, wanted: Wanted, image_id: int
) -> FoundAnswer:
    pixels, questions = asked
    if questions:
        found = finder.find_at(pixels, wanted.texts[0], questions)
    elif wanted.among is not None:
        given = candidates_of_file(finder, pixels, wanted.among.of(photograph))
        found = finder.find(pixels, wanted.texts, among=given)
    else:
        found = finder.find(pixels, wanted.texts)
    named = FoundAnswer(photograph, pixels, found.masks, wanted.clean, image_id)
    typer.echo(named.told("nothing found", found.answered_by), err=True)
    for reason in found.reasons:
        typer.echo(f"  {reason}", err=True)
    return named

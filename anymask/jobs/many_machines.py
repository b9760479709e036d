"""Many images on a Ray cluster: ``many_images`` by actors on many machines.

Each has loaded the model once and does for a photograph exactly what a single process does, with
the same guarantees: what was killed with its machine is done by another actor, and what is done is
passed over. The folder of results and the photographs must be reachable under the same path or URL
from every machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from anymask.datasets.photographs import Photograph
from anymask.jobs.likeness import Likeness
from anymask.jobs.many_images import (
    Model,
    Outcome,
    Settings,
    State,
    awaited,
    begin,
    finish,
    job_folder,
    named_results,
    targets_of,
)
from anymask.jobs.ray_cluster import join_cluster, stream
from anymask.jobs.result_names import NamedResult
from anymask.jobs.words import Words
from anymask.predict.disk_cache import kept_here
from anymask.predict.in_context.load import load_in_context
from anymask.predict.load import ModelSource
from anymask.predict.words.load import load_words

ATTEMPTS, PAUSE_S = 3, 1.0


def segment_on_cluster(
    source: ModelSource,
    photographs: Sequence[Photograph],
    out: Path,
    settings: Settings,
    actors: int | None = None,
) -> Iterator[Outcome]:
    """``many_images.segment_all`` on the cluster of ``$RAY_ADDRESS``, or on one of this machine.

    source: with its ``model_id``: other weights under the same name on a machine are an error.
    actors: how many hold a model; None: one for each card, or for each four processors.
    Outcomes come in the order in which they are known. Raises ``Error`` and ``OutputError``.
    """
    results = named_results(photographs, settings.format)
    yield from segment_results_on_cluster(source, results, out, settings, actors)


def segment_results_on_cluster(
    source: ModelSource,
    results: Sequence[NamedResult],
    out: Path,
    settings: Settings,
    actors: int | None = None,
) -> Iterator[Outcome]:
    """``segment_on_cluster``, where the results have their names already."""
    out = out.resolve()
    join_cluster()
    begin(out, settings, targets_of(results, out, settings.format))
    start = partial(_start_actor, source, out, settings)
    try:
        yield from stream(start, results, actors, source.device)
        finish(out, settings)
    finally:
        job_folder(out).sweep()


def _start_actor(
    source: ModelSource, out: Path, settings: Settings, threads: int
) -> Callable[[NamedResult], Outcome]:
    """Load the model; what is left to say is which photograph."""
    import torch

    torch.set_num_threads(threads)
    model: Model
    if isinstance(settings.config, Likeness):
        tuned = settings.config.examples.tuned
        model = load_in_context(source, prompts=tuned, cache=kept_here())
    elif isinstance(settings.config, Words):
        model = load_words(source, cache=kept_here())
    else:
        model = source.load()
    return partial(_segment, model, out, settings)


def _segment(model: Model, out: Path, settings: Settings, result: NamedResult) -> Outcome:
    """The outcome of one photograph. What can't be read may be so for a moment only."""
    outcome = awaited(model, result, out, settings)
    for _ in range(ATTEMPTS - 1):
        if outcome.state != State.broken:
            break
        time.sleep(PAUSE_S)
        outcome = awaited(model, result, out, settings)
    return outcome

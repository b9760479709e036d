"""Training the object detector of stage 2 on the masks so far (§4), and its threshold."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np

from anymask.core.detecting.worth import USUAL, Pace, worthy_threshold
from anymask.core.embedding import ImageEmbedding
from anymask.datasets.sample import Sample
from anymask.engine.store.automation.models import (
    ModelState,
    model_in_use,
    model_of_id,
)
from anymask.errors import EmbeddingError, Error, RecipeError
from anymask.predict.detector import Detector
from anymask.predict.predictor import Predictor
from anymask.retraining.exporting import DATA, HELD_OUT, opened, write_sets
from anymask.retraining.keeping import keep_embeddings
from anymask.retraining.measuring import (
    JudgedSuggestions,
    detector_figures,
    judged_suggestions,
    precise_threshold,
)
from anymask.retraining.promoting import DETECTOR_FIGURES, worse
from anymask.retraining.trials import Trial, run
from anymask.retraining.workshop import Outcome, Workshop
from anymask.training.detector.recipe import DetectorRecipe
from anymask.training.families import find_recipe
from anymask.training.frozen.embeddings import Embeddings
from anymask.training.recipe import override
from anymask.weights.load import load_checkpoint

RUN = "detector"


@dataclass(frozen=True)
class DetectorTraining:
    """What to learn, and how.

    encoder: weights whose embeddings are read; sam: the model that draws a mask for each box, of
    the same encoder. settings: of the recipe ``detector``. precision: wanted of what is suggested;
    None for what saves most time.
    """

    encoder: str
    sam: str
    settings: tuple[str, ...] = ()
    precision: float | None = None

    @property
    def all_settings(self) -> tuple[str, ...]:
        """Those that are said last count."""
        return (f"weights={self.encoder}", "holdout=0", *self.settings)

    def check(self) -> None:
        """Raises ``RecipeError``."""
        if not isinstance(override(find_recipe("detector"), self.all_settings), DetectorRecipe):
            raise RecipeError("the recipe detector is none of a detector")


def train_detector(here: Workshop, asked: DetectorTraining, pace: Pace = USUAL) -> Outcome:
    """Export, train, measure, choose a threshold, and promote or refuse.

    pace: of the people who work on it, by which it is told what saves time.
    Goes on where an earlier process was ended. Raises ``Error``; nothing is promoted then.
    """
    asked.check()
    prepare = partial(write_sets, here.store, here.folder)
    folder, plan = here.models.planned("detector", asdict(asked), prepare)
    encoder = Predictor(load_checkpoint(asked.encoder, offline=here.offline))
    data, held_out = opened(folder / DATA), opened(folder / HELD_OUT)
    kept = Embeddings(encoder, here.models.embeddings(encoder.model_id))
    here.tell(f"learning from {plan['masks']} masks in {plan['images']} images")
    keep_embeddings((data, held_out), here.folder, here.pictures, here.embeddings, kept)
    settings = (*asked.all_settings, f"cache={kept.folder}")
    trial = Trial("detector", settings, str(folder / DATA), str(folder / RUN), offline=here.offline)
    run(trial, here.on_step, here.tell)
    new = load_checkpoint(trial.checkpoint, offline=True)
    if here.models.is_left_over("detector", here.store.read(model_of_id, new.model_id)):
        return train_detector(here, asked, pace)
    here.tell(f"measuring on {plan['held_out_images']} images that are held out")
    sam = Predictor(load_checkpoint(asked.sam, offline=here.offline))

    def embedding_of(sample: Sample) -> ImageEmbedding:
        return replace(kept.embedding(sample), model=sam.model_id)

    def measured(detector: Detector) -> dict[str, float]:
        return detector_figures(detector.reading(sam.model_id), held_out, embedding_of)

    detector = Detector(new)
    after = measured(detector)
    old = _old(here, encoder.model_id)
    before = measured(old) if old is not None else {}
    reasons = [*worse(before, after, DETECTOR_FIGURES)]
    judged = judged_suggestions(sam, detector.reading(sam.model_id), held_out, embedding_of)
    sure: dict[str, float] = {}
    try:
        sure = _threshold(judged, asked.precision, pace)
    except Error as error:
        reasons.append(str(error))
    figures = {**plan, **after, "old": before, "worse": reasons, "encoder_id": encoder.model_id}
    figures |= {"threshold": sure.get("threshold"), "sure": sure}
    suggested = judged.fits[judged.scores >= sure.get("threshold", np.inf)]
    saved_s = float(pace.saved_s(suggested).sum()) / plan["held_out_images"]
    figures |= {"pace": asdict(pace), "saved_s": saved_s}
    state: ModelState = "refused" if reasons else "promoted"
    model = here.models.note(here.store, "detector", new, encoder.model_id, state, figures)
    here.models.clear("detector")
    return Outcome(model, tuple(model.figures.get("worse", ())))


def _threshold(judged: JudgedSuggestions, precision: float | None, pace: Pace) -> dict[str, float]:
    """The threshold that is wanted, and what it leaves. Raises ``Error`` where there is none."""
    if precision is not None:
        return asdict(precise_threshold(judged, precision))
    return asdict(worthy_threshold(judged.scores, judged.fits, pace))


def _old(here: Workshop, encoder_id: str) -> Detector | None:
    """The detector in use, if it reads the same embeddings."""
    model = here.store.read(model_in_use, "detector")
    if model is None:
        return None
    detector = Detector.load(here.models.checkpoint(model))
    try:
        detector.check_reads(encoder_id)
    except EmbeddingError:
        return None
    return detector

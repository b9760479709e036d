"""Retraining SAM on what was annotated (§4): learned anew from all masks, used if not worse."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial

from anymask.engine.store.automation.held_out import count_learnable
from anymask.engine.store.automation.models import ModelState, last_model, model_in_use, model_of_id
from anymask.engine.store.store import Store
from anymask.errors import Error, RecipeError
from anymask.export.export_cache import keep_export
from anymask.predict.predictor import Predictor
from anymask.retraining.exporting import DATA, HELD_OUT, opened, write_sets
from anymask.retraining.keeping import keep_embeddings
from anymask.retraining.measuring import sam_measured, same_encoder
from anymask.retraining.promoting import SAM_FIGURES, surely_worse, worse
from anymask.retraining.trials import Trial, run
from anymask.retraining.workshop import Outcome, Workshop
from anymask.training.families import find_recipe
from anymask.training.frozen.embeddings import Embeddings
from anymask.training.recipe import override
from anymask.training.sam.recipe import SamRecipe
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint

DTYPE = "float16"  # of the graphs for browsers
RUN = "retrained"
OVERSAMPLE_MANUAL = 10.0  # §7.6


@dataclass(frozen=True)
class Retraining:
    """What to learn, and how.

    base: the weights that each training starts from: all masks so far are learned anew, so that
    what an earlier model learned of masks that were corrected since is gone. recipe, settings: as
    ``anymask train`` takes them. automatic_only: leave out the masks that people had a hand in;
    oversample_manual: else, how much likelier one of them is learned from than an automatic one.
    """

    base: str
    recipe: str = "retrain"
    settings: tuple[str, ...] = ()
    automatic_only: bool = False
    oversample_manual: float = OVERSAMPLE_MANUAL

    @property
    def all_settings(self) -> tuple[str, ...]:
        """Those that are said last count."""
        return (
            f"weights={self.base}",
            f"oversample_manual={self.oversample_manual:g}",
            "holdout=0",  # what is held out is measured with afterwards, by both models
            *self.settings,
        )

    def check(self) -> SamRecipe:
        """The recipe. Raises ``RecipeError``."""
        recipe = override(find_recipe(self.recipe), self.all_settings)
        if not isinstance(recipe, SamRecipe):
            raise RecipeError(f"the recipe {self.recipe} is for a {recipe.family}, not for SAM")
        return recipe


def new_masks(store: Store) -> int:
    """How many masks there are to learn from that the last model had not; none is negative."""
    last = store.read(last_model, "sam")
    _, masks = store.read(count_learnable)
    return max(0, masks - (int(last.figures.get("masks_then", 0)) if last else 0))


def retrain(here: Workshop, asked: Retraining) -> Outcome:
    """Export, train, measure, and promote or refuse; goes on where an earlier process was ended.

    Raises ``Error``; nothing is promoted then.
    """
    recipe = asked.check()
    only = asked.automatic_only
    prepare = partial(write_sets, here.store, here.folder, automatic_only=only)
    folder, plan = here.models.planned("sam", asdict(asked), prepare)
    base = load_checkpoint(asked.base, offline=here.offline)
    data, held_out = opened(folder / DATA), opened(folder / HELD_OUT)
    kept = Embeddings(Predictor(base), here.models.embeddings(base.model_id))
    here.tell(f"learning from {plan['masks']} masks in {plan['images']} images")
    learned = (data, held_out) if recipe.freezes_embeddings else (held_out,)
    keep_embeddings(learned, here.folder, here.pictures, here.embeddings, kept)
    settings = (*asked.all_settings, f"cache={kept.folder}")
    trial = Trial(
        asked.recipe, settings, str(folder / DATA), str(folder / RUN), offline=here.offline
    )
    run(trial, here.on_step, here.tell)
    new = load_checkpoint(trial.checkpoint, offline=True)
    if here.models.is_left_over("sam", here.store.read(model_of_id, new.model_id)):
        return retrain(here, asked)
    here.tell(f"measuring on {plan['held_out_images']} images that are held out")
    old = _old(here, base)
    before = sam_measured(old, held_out, _embeddings_of(old, base, kept))
    at_least = before.figures["found"]
    after = sam_measured(new, held_out, _embeddings_of(new, base, kept), at_least)
    gain = after.gain(before)
    reasons = (*surely_worse(gain), *worse(before.figures, after.figures, SAM_FIGURES))
    encoder_id = base.model_id if same_encoder(new, base) else new.model_id
    figures = {**plan, **after.figures, "old": before.figures, "old_id": old.model_id}
    figures |= {"gain": gain, "worse": reasons}
    figures |= {"encoder_id": encoder_id, "base": asked.base, "recipe": recipe.to_json()}
    finished = replace(new, everything=after.thresholds)
    state: ModelState = "refused" if reasons else "promoted"
    if not reasons:
        _export(here, finished)
    model = here.models.note(here.store, "sam", finished, base.model_id, state, figures)
    here.models.clear("sam")
    return Outcome(model, tuple(model.figures.get("worse", ())))


def _export(here: Workshop, checkpoint: Checkpoint) -> None:
    """Make the graphs for browsers now: who is at work needs not wait for them later."""
    here.tell("exporting it for the browser")
    try:
        keep_export(checkpoint, DTYPE)
    except (Error, ModuleNotFoundError) as error:
        here.tell(f"the annotation tool has to export it: {error}")


def _old(here: Workshop, base: Checkpoint) -> Checkpoint:
    """The model in use: the last that was promoted, or the one that all began with."""
    model = here.store.read(model_in_use, "sam")
    if model is None:
        return base
    return load_checkpoint(here.models.checkpoint(model), offline=True)


def _embeddings_of(model: Checkpoint, base: Checkpoint, kept: Embeddings) -> Embeddings:
    """The kept ones, unless the model has learned to see otherwise."""
    return kept if same_encoder(model, base) else Embeddings(Predictor(model))

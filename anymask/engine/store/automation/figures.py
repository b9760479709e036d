"""Figures of the data engine: what came of each stage, as the paper counts (§4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from anymask.engine.store.annotators import ENGINE_NAME
from anymask.engine.store.tables import ActionRow, AnnotatorRow, ImageRow, TalliedImageRow
from anymask.engine.store.tallies import status, summed
from anymask.engine.store.values import STAGES, Stage, Tally

LEAST = 20  # masks or answers: of fewer a mean says nothing


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds that people took, each None where there is too little to tell.

    click_s: a mask that one click drew. drawn_s: a mask that took more. verdict_s: an answer to a
    suggestion.
    """

    click_s: float | None
    drawn_s: float | None
    verdict_s: float | None


@dataclass(frozen=True, slots=True)
class StageFigures:
    """What was done in a stage.

    tally: its sums; an image is counted once, whoever made masks in it and however often. accepted:
    how many suggested masks people accepted.
    """

    stage: Stage
    tally: Tally
    accepted: int

    @property
    def share_accepted(self) -> float | None:
        """Of the suggestions that people answered, in 0-1; None where they answered none."""
        answered = self.accepted + self.tally.rejected
        return self.accepted / answered if answered > 0 else None


def stage_figures(
    session: Session, tallies: Sequence[Tally] | None = None
) -> tuple[StageFigures, ...]:
    """Of each stage in which something was done, the first first.

    tallies: those of ``status``, where they were read already.
    """
    tallies = status(session) if tallies is None else tallies
    query = select(TalliedImageRow.stage, func.count(TalliedImageRow.image_id.distinct())).group_by(
        TalliedImageRow.stage
    )
    images = dict(session.execute(query).all())
    people = [tally for tally in tallies if tally.annotator != ENGINE_NAME]
    accepted = {tally.stage: tally.automatic for tally in summed(people, ["stage"])}
    figures = {
        tally.stage: StageFigures(
            tally.stage,
            replace(tally, images=images.get(tally.stage, 0)),
            accepted.get(tally.stage, 0),
        )
        for tally in summed(tallies, ["stage"])
        if tally.stage is not None
    }
    return tuple(figures[stage] for stage in STAGES if stage in figures)


def count_held_out_images(session: Session) -> int:
    """How many images that are there no model learns from, finished or not."""
    query = select(func.count()).where(
        ImageRow.is_held_out.is_(True), ImageRow.is_missing.is_(False)
    )
    return session.scalar(query) or 0


def measured(session: Session) -> Measured:
    """What drawing and answering took people, in all stages together."""
    row = ActionRow
    is_click = (row.clicks_add + row.clicks_remove == 1) & (row.boxes == 0) & (row.strokes == 0)
    what = case((row.kind != "add", "verdict"), (is_click, "click"), else_="drawn")
    query = (
        select(what, func.sum(row.seconds), func.count())
        .join(AnnotatorRow, row.annotator_id == AnnotatorRow.id)
        .where(row.kind.in_(("add", "accept", "reject")), AnnotatorRow.name != ENGINE_NAME)
        .group_by(what)
    )
    means = {
        name: seconds / count for name, seconds, count in session.execute(query) if count >= LEAST
    }
    # Nothing takes no time: who brought masks from elsewhere drew none of them.
    return Measured(*(means.get(name) or None for name in ("click", "drawn", "verdict")))
